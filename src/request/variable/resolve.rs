//! The rest of the checks of a request, once its variable is known.

use super::{
    attributes::{self, PackedAs},
    checked::{Purpose, Reduction, VariableRequest},
    question::{Groups, VariableQuestion, Weights},
};
use crate::{
    array::{DType, Kind, Missing, Number, Packing, Pick},
    index::Variable,
    operation::Accepts,
    reduce::{Asked, Question},
    request::{
        RequestError,
        elements::Elements,
        problem::{Noted, Problem, Problems},
        question,
    },
};

impl VariableRequest {
    /// What is asked of this variable.
    ///
    /// # Errors
    /// Everything that does not suit it, at once; why it cannot be reduced, if it cannot.
    pub fn resolve(&self, variable: &Variable) -> Result<VariableQuestion, RequestError> {
        let refused = |problem: String| RequestError::Invalid(vec![Problem::new("variable", problem)]);
        if let Some(obstacle) = &variable.obstacle {
            return Err(refused(format!("cannot be reduced: {obstacle}")));
        }
        let stored = variable.dtype().ok_or_else(|| refused("cannot be reduced: it holds no numbers".to_owned()))?;
        let lens: Result<Vec<usize>, _> = variable.shape.iter().map(|&len| usize::try_from(len)).collect();
        let lens = lens.map_err(|_| refused("is larger than this machine can count".to_owned()))?;
        let mut problems = Problems::default();
        let question = self.question(variable, stored, &lens, &mut problems);
        problems.into_result(question).map_err(RequestError::Invalid)
    }

    fn question(
        &self,
        variable: &Variable,
        stored: DType,
        lens: &[usize],
        problems: &mut Problems,
    ) -> Result<VariableQuestion, Noted> {
        let picks = self.picks(variable, lens, problems);
        let (elements, packed_as) = if self.unpack {
            let packed_as = problems.checked("unpack", attributes::packed_as(variable));
            (attributes::elements(variable, stored), packed_as)
        } else {
            (Elements { stored, read: stored }, Ok(None))
        };
        let asked = match &self.purpose {
            Purpose::Select => selected(variable, elements, packed_as, problems),
            Purpose::Reduce(reduction) => reduction.question(variable, elements, packed_as, problems),
        };
        let axes = match &self.purpose {
            Purpose::Select => Ok(vec![false; lens.len()]),
            Purpose::Reduce(reduction) => {
                picks.as_ref().map_err(|&noted| noted).and_then(|picks| reduction.reduced(variable, picks, problems))
            }
        };
        let (groups, weights) = self.groups_and_weights(variable, &picks, problems);
        let (picks, axes, asked) = (picks?, axes?, asked?);
        let left = picks.iter().zip(&axes).filter(|(pick, _)| pick.kept_len().is_some());
        let reduced = Some(left.map(|(_, reduced)| *reduced).collect());
        let (groups, weights) = (groups?, weights?);
        let statistics = self.statistics(elements.read, asked.packing);
        let is_weighted = !matches!(weights, Weights::None);
        let question = VariableQuestion {
            dtype: elements.read,
            picks,
            question: Question { statistics, reduced, is_weighted, ..asked },
            names: self.names(),
            dims: Vec::new(),
            groups,
            weights,
        };
        Ok(question.arranged(&variable.dims))
    }

    /// What belongs together, and what elements weigh.
    fn groups_and_weights(
        &self,
        variable: &Variable,
        picks: &Result<Vec<Pick>, Noted>,
        problems: &mut Problems,
    ) -> (Result<Option<Groups>, Noted>, Result<Weights, Noted>) {
        let (Purpose::Reduce(reduction), Ok(picks)) = (&self.purpose, picks) else {
            return (Ok(None), Ok(Weights::None));
        };
        let groups = reduction.groups.as_ref().map(|groups| groups.resolve(variable, picks));
        let weights = reduction.weights.as_ref().map(|weights| weights.resolve(variable, picks));
        let groups = problems.checked("groups", groups.transpose());
        (groups, problems.checked("weights", weights.transpose()).map(Option::unwrap_or_default))
    }

    fn picks(&self, variable: &Variable, lens: &[usize], problems: &mut Problems) -> Result<Vec<Pick>, Noted> {
        let picks = match &self.selection {
            Some(selection) => selection.picks(&variable.dims, lens),
            None => Ok(lens.iter().map(|&len| Pick::all(len)).collect()),
        };
        let picks = problems.checked("selection", picks)?;
        let elements = picks
            .iter()
            .try_fold(1_i64, |elements, pick| elements.checked_mul(i64::try_from(pick.kept_len().unwrap_or(1)).ok()?));
        match elements {
            Some(_) => Ok(picks),
            None => problems.checked("selection", Err("has more elements than can be counted")),
        }
    }

    fn statistics(&self, elements: DType, packing: Option<Packing>) -> Vec<Asked> {
        match &self.purpose {
            Purpose::Select => Vec::new(),
            Purpose::Reduce(reduction) => {
                reduction.statistics.iter().map(|named| named.asked(elements, packing)).collect()
            }
        }
    }

    fn names(&self) -> Vec<String> {
        match &self.purpose {
            Purpose::Select => Vec::new(),
            Purpose::Reduce(reduction) => reduction.statistics.iter().map(|named| named.name.clone()).collect(),
        }
    }
}

/// How elements are unpacked, and which of them are missing then: those are NaN. Others are as they are stored.
fn selected(
    variable: &Variable,
    elements: Elements,
    packed_as: Result<Option<PackedAs>, Noted>,
    problems: &mut Problems,
) -> Result<Question, Noted> {
    let Some(packed_as) = packed_as? else { return Ok(Question::default()) };
    let missing = attributes::missing(variable, elements, Some(packed_as));
    let missing = missing.map_err(|problem| format!("{problem}; unpack: false reads elements as they are stored"));
    let missing = problems.checked("unpack", missing)?;
    Ok(Question { missing, packing: Some(packed_as.packing), ..Question::default() })
}

impl Reduction {
    /// What is asked, but for the dimensions.
    fn question(
        &self,
        variable: &Variable,
        elements: Elements,
        packed_as: Result<Option<PackedAs>, Noted>,
        problems: &mut Problems,
    ) -> Result<Question, Noted> {
        let missing = match &self.missing {
            Some(missing) => missing.rules(elements),
            // How elements are packed is known here, or a problem.
            None => attributes::missing(variable, elements, packed_as.unwrap_or_default())
                .map_err(|problem| format!("{problem}; say what is missing instead, with {{}} for nothing")),
        };
        let missing = problems.checked("missing", missing);
        let packing = packed_as?.map(|packed| packed.packing);
        let result_dtype = problems.checked("result_dtype", self.result_dtype(elements.read, packing))?;
        Ok(Question {
            statistics: Vec::new(),
            reduced: None,
            missing: self.with_nan(missing?, elements),
            packing,
            result_dtype: Some(result_dtype),
            keepdims: self.keepdims,
            is_weighted: false,
            is_partial: self.is_partial,
        })
    }

    /// For each dimension of the variable, whether it is reduced.
    fn reduced(&self, variable: &Variable, picks: &[Pick], problems: &mut Problems) -> Result<Vec<bool>, Noted> {
        match &self.axes {
            Some(axes) => problems.checked("axis", axes.reduced(&variable.dims, picks)),
            None => Ok(picks.iter().map(|pick| pick.kept_len().is_some()).collect()),
        }
    }

    /// The rules, and that NaN is missing too if the request says so.
    fn with_nan(&self, mut missing: Missing<Number>, elements: Elements) -> Missing<Number> {
        if self.skipna && elements.read.kind() == Kind::Float {
            missing.values.push(Number::Float(f64::NAN));
        }
        missing
    }

    /// The dtype of sums: the widest of the kind if the request names none.
    fn result_dtype(&self, elements: DType, packing: Option<Packing>) -> Result<DType, String> {
        let is_weighted = self.weights.is_some();
        let Some(result) = self.result_dtype else {
            return Ok(match elements.kind() {
                _ if packing.is_some() || is_weighted => DType::Float64,
                Kind::Signed => DType::Int64,
                Kind::Unsigned => DType::UInt64,
                Kind::Float => DType::Float64,
            });
        };
        if !self.statistics.iter().any(|named| named.statistic.takes_result_dtype()) {
            return Err("is for sum, which statistics does not name".to_owned());
        }
        if is_weighted && !matches!(result, DType::Float32 | DType::Float64) {
            return Err(format!("{} cannot be that of weighted sums: use float32 or float64", result.name()));
        }
        if is_weighted {
            return Ok(result);
        }
        let accepts = Accepts { axis: true, result_dtype: true, packing: true };
        question::result_dtype(result, Some(elements), packing.is_some(), accepts).map(|()| result)
    }
}
