//! The ways in: statistics, elements, and what an object says of itself.

use std::{collections::BTreeMap, sync::Arc};

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
        variable::{DescribeRequest, ListedArray, ObjectRequest, Target, ValuesOf, VariableQuestion},
    },
};

/// Values of coordinates that are longer than this, in bytes, are left for the client to ask for.
const LONGEST_COORDINATE: u64 = 64 << 10;

/// Bytes of the values of all coordinates: those beyond are left for the client to ask for.
const ALL_COORDINATES: usize = 4 << 20;

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
        self.reduce_chunks(layout, question, &reading).await
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
            described.coordinates = self.coordinates(&reading, &described.description).await?;
        }
        described.version = reading.version(reading.home());
        Ok(described)
    }

    /// The values of variables of one dimension that have its name.
    async fn coordinates(
        &self,
        reading: &Reading<'_>,
        description: &Description,
    ) -> Result<BTreeMap<String, Vec<u8>>, ActiveStorageError> {
        let (mut coordinates, mut len) = (BTreeMap::new(), 0);
        for (path, variable) in &description.variables {
            if is_short_coordinate(path, variable) && len <= ALL_COORDINATES {
                let (variable, table) = if matches!(variable.stored, Stored::Chunks { .. }) {
                    let Opened { variable, table, .. } = self.open_variable(reading, path).await?;
                    (variable, table)
                } else {
                    (Arc::new(variable.clone()), Arc::default())
                };
                let layout = Layout::new(variable, table, None, vec![reading.home().clone()])?;
                let answer = self.select_chunks(layout, everything(description, path), reading).await?;
                let values = answer.results.first().map(|result| result.values.bytes().to_vec()).unwrap_or_default();
                len += values.len();
                coordinates.insert(path.clone(), values);
            }
        }
        Ok(coordinates)
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

fn is_short_coordinate(path: &str, variable: &Variable) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let dtype = variable.dtype().filter(|_| variable.obstacle.is_none());
    let is_coordinate =
        variable.dims.len() == 1 && variable.dims.iter().all(|dim| dim.rsplit('/').next() == Some(name));
    let len = |size: usize| variable.shape.iter().fold(size as u64, |len, &axis| len.saturating_mul(axis));
    is_coordinate && dtype.is_some_and(|dtype| len(dtype.size()) <= LONGEST_COORDINATE)
}

/// All elements of a variable of the description, as they are stored.
fn everything(description: &Description, path: &str) -> VariableQuestion {
    let variable = description.variables.get(path);
    let shape = variable.map_or(&[][..], |variable| &variable.shape);
    let all = |&len: &u64| Pick::all(usize::try_from(len).unwrap_or(usize::MAX));
    VariableQuestion {
        dtype: variable.and_then(Variable::dtype).unwrap_or(DType::UInt8),
        picks: shape.iter().map(all).collect(),
        question: Question::default(),
        names: Vec::new(),
        dims: Vec::new(),
    }
}
