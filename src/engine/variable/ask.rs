//! The ways in: statistics, elements, and what an object says of itself.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    answer::{Described, DescribedVariable, VariableAnswer},
    layout::Layout,
    lookup::Opened,
    progress::Progress,
    reading::Reading,
};
use crate::{
    array::{DType, Pick},
    engine::{Asking, Engine},
    error::ActiveStorageError,
    index::{Description, Stored, Variable},
    reduce::Question,
    request::{
        RequestError,
        variable::{DescribeRequest, ListedArray, ObjectRequest, Target, ValuesOf, VariableQuestion, Weights},
    },
};

/// Values of coordinates that are longer than this, in bytes, are left for the client to ask for.
const LONGEST_COORDINATE: u64 = 64 << 10;

/// Bytes of the values of all coordinates: those beyond are left for the client to ask for.
const ALL_COORDINATES: u64 = 4 << 20;

impl Engine {
    /// Statistics of a variable, of which `resolve` says what is asked once it is known what it is.
    ///
    /// # Errors
    /// Whatever keeps it from an answer.
    pub async fn reduce_of(
        &self,
        object: ObjectRequest,
        target: Target,
        resolve: impl FnOnce(&Variable) -> Result<VariableQuestion, RequestError> + Send,
        asking: Asking,
        progress: &Progress,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        let (reading, layout, question) = self.find(object, target, resolve, asking, progress).await?;
        let (question, beside) = self.beside(question, &layout.variable, &reading).await?;
        if !question.question.is_of_one_pass() {
            return Box::pin(self.reduce_in_passes(layout, question, beside, &reading)).await;
        }
        Box::pin(self.reduce_chunks(layout, question, beside, &reading)).await
    }

    /// The elements of a variable, of which `resolve` says which once it is known what it is.
    ///
    /// # Errors
    /// Whatever keeps it from an answer.
    pub async fn select_of(
        &self,
        object: ObjectRequest,
        target: Target,
        resolve: impl FnOnce(&Variable) -> Result<VariableQuestion, RequestError> + Send,
        asking: Asking,
        progress: &Progress,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        let (reading, layout, question) = self.find(object, target, resolve, asking, progress).await?;
        self.select_chunks(layout, question, &reading).await
    }

    /// What an object says of itself, or of one variable.
    ///
    /// # Errors
    /// If it cannot be read, or there is no such variable.
    pub async fn description(
        &self,
        request: DescribeRequest,
        asking: Asking,
        progress: &Progress,
    ) -> Result<Described, ActiveStorageError> {
        let reading = self.reading(request.object, asking, progress);
        let mut described = if let Some(path) = &request.variable {
            let Opened { variable, table, object_len } = self.open_variable(&reading, path).await?;
            let path = path.trim_start_matches('/').to_owned();
            Described::new(object_len, Some(DescribedVariable { path, variable, chunks: table }))
        } else {
            let (description, object_len) = self.describe_object(&reading).await?;
            Described { description, ..Described::new(object_len, None) }
        };
        if request.values == ValuesOf::Coordinates {
            if let Some(DescribedVariable { path, variable, .. }) = &described.variable {
                let (whole, _) = self.describe_object(&reading).await?;
                described.description = Arc::new(coordinates_of(path, &variable.dims, &whole));
            }
            described.coordinates = self.coordinates(&reading, &described.description).await?;
        }
        described.version = reading.version(reading.home());
        Ok(described)
    }

    /// The values of variables of one dimension that have its name, several of them read at one time.
    async fn coordinates(
        &self,
        reading: &Reading<'_>,
        description: &Description,
    ) -> Result<BTreeMap<String, Vec<u8>>, ActiveStorageError> {
        let (mut values, mut bytes, mut numbers) = (Vec::new(), 0, 0);
        for (path, variable) in &description.variables {
            if let Some(len) = coordinate_len(path, variable).filter(|_| bytes <= ALL_COORDINATES) {
                bytes += len;
                numbers += len / variable.dtype().map_or(1, |dtype| dtype.size() as u64);
                values.push(self.values(reading, path, variable));
            }
        }
        reading.check_numbers(usize::try_from(numbers).unwrap_or(usize::MAX))?;
        stream::iter(values).buffer_unordered(self.indexes_at_once()).try_collect().await
    }

    /// All elements of a variable of the description, as they are stored.
    async fn values(
        &self,
        reading: &Reading<'_>,
        path: &str,
        variable: &Variable,
    ) -> Result<(String, Vec<u8>), ActiveStorageError> {
        let (variable, table) = if matches!(variable.stored, Stored::Chunks { .. }) {
            let Opened { variable, table, .. } = self.open_variable(reading, path).await?;
            (variable, table)
        } else {
            (Arc::new(variable.clone()), Arc::default())
        };
        let everything = everything(&variable);
        let layout = Layout::new(variable, table, None, vec![reading.home().clone()])?;
        let answer = self.select_chunks(layout, everything, reading).await?;
        let values = answer.results.first().map(|result| result.values.bytes().to_vec()).unwrap_or_default();
        Ok((path.to_owned(), values))
    }

    /// Where a variable lies, what is asked of it, and what its object is read through.
    async fn find<'a>(
        &self,
        object: ObjectRequest,
        target: Target,
        resolve: impl FnOnce(&Variable) -> Result<VariableQuestion, RequestError> + Send,
        asking: Asking,
        progress: &'a Progress,
    ) -> Result<(Reading<'a>, Layout, VariableQuestion), ActiveStorageError> {
        let home = object.location.clone();
        let reading = self.reading(object, asking, progress);
        let mut layout = match target {
            Target::Variable(path) => {
                let Opened { variable, table, .. } = self.open_variable(&reading, &path).await?;
                Layout::new(variable, table, None, vec![home])?
            }
            Target::Listed(listed) => {
                let ListedArray { variable, codecs, chunks, objects } = *listed;
                let (locations, of_chunks) = objects.map_or((vec![home], None), |(all, of)| (all, Some(of)));
                Layout::new(Arc::new(variable), Arc::new(chunks), of_chunks, locations)?.coded(codecs)
            }
        };
        let question = resolve(&layout.variable)?;
        layout.dtype = question.dtype;
        Ok((reading, layout, question))
    }

    fn reading<'a>(&self, object: ObjectRequest, asking: Asking, progress: &'a Progress) -> Reading<'a> {
        let ObjectRequest { location, version, .. } = object;
        Reading::new(asking, location, version, self.variables.patience, progress)
    }
}

/// Bytes of the values of a coordinate variable, if it is one, and short.
fn coordinate_len(path: &str, variable: &Variable) -> Option<u64> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let dtype = variable.dtype().filter(|_| variable.obstacle.is_none())?;
    let ([dim], [axis]) = (variable.dims.as_slice(), variable.shape.as_slice()) else { return None };
    let len = axis.saturating_mul(dtype.size() as u64);
    (dim.rsplit('/').next() == Some(name) && len <= LONGEST_COORDINATE).then_some(len)
}

/// Of a whole object, the short coordinates of a variable: for each of its dimensions, that of the nearest group around it.
fn coordinates_of(path: &str, dims: &[String], whole: &Description) -> Description {
    let nearest = |dim: &String| {
        let mut group = path;
        loop {
            group = group.rsplit_once('/').map_or("", |(group, _)| group);
            let beside = if group.is_empty() { dim.clone() } else { format!("{group}/{dim}") };
            let variable = whole.variables.get_key_value(&beside);
            if variable.is_some() || whole.dimensions.contains_key(&beside) || group.is_empty() {
                return variable.filter(|(path, variable)| coordinate_len(path, variable).is_some());
            }
        }
    };
    let variables = dims.iter().filter_map(nearest).map(|(path, variable)| (path.clone(), variable.clone())).collect();
    Description { variables, ..Description::default() }
}

/// All elements of a variable, as they are stored.
fn everything(variable: &Variable) -> VariableQuestion {
    let all = |&len: &u64| Pick::all(usize::try_from(len).unwrap_or(usize::MAX));
    VariableQuestion {
        dtype: variable.dtype().unwrap_or(DType::UInt8),
        picks: variable.shape.iter().map(all).collect(),
        question: Question::default(),
        names: Vec::new(),
        dims: Vec::new(),
        groups: None,
        weights: Weights::None,
    }
}
