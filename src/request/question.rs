//! What a request asks of the elements.

use super::{
    data::RequestData,
    elements::Elements,
    problem::{Noted, Problems},
};
use crate::{
    array::{DType, Packing},
    operation::{Accepts, Operation},
    reduce::Question,
};

/// What a server decides where a request does not.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Whether reduced dimensions stay.
    pub keepdims: bool,
}

/// What an operation is asked, from `axis`, `missing`, `scale_factor`, `add_offset`, `result_dtype` and `keepdims`, as far as it
/// heeds them.
pub(super) fn question(
    data: &RequestData,
    elements: Result<Elements, Noted>,
    operation: Operation,
    defaults: Defaults,
    problems: &mut Problems,
) -> Result<Question, Noted> {
    let accepts = operation.accepts();
    let reduced = data.axis.as_ref().filter(|_| accepts.axis).map(|axis| {
        let shape = problems.needed("axis", "shape", data.shape.as_ref())?;
        problems.checked("axis", axis.reduced(shape.len()))
    });
    let missing = data.missing.as_ref().map(|missing| problems.checked("missing", missing.rules(elements?)));
    let is_packed = problems.is_given("scale_factor", data.scale_factor.as_ref())
        || problems.is_given("add_offset", data.add_offset.as_ref());
    let packing = packing(data, problems);
    let dtype = elements.map(|elements| elements.read);
    let result_dtype = data.result_dtype.map(|result| {
        let checked = result_dtype(result, dtype.ok(), is_packed, accepts);
        problems.checked("result_dtype", checked.map(|()| result))
    });
    Ok(Question {
        statistics: vec![operation.statistic().into()],
        reduced: reduced.transpose()?,
        missing: missing.transpose()?.unwrap_or_default(),
        packing: packing?.filter(|_| accepts.packing),
        result_dtype: result_dtype.transpose()?,
        keepdims: data.keepdims.unwrap_or(defaults.keepdims),
        is_weighted: false,
        is_partial: false,
    })
}

/// How to unpack values; None if they are not packed.
fn packing(data: &RequestData, problems: &mut Problems) -> Result<Option<Packing>, Noted> {
    let scale_factor = data.scale_factor.map(|scale_factor| match scale_factor {
        0.0 => Err("must not be 0: all unpacked values would be the same"),
        _ => finite(scale_factor),
    });
    let scale_factor = problems.checked("scale_factor", scale_factor.transpose());
    let add_offset = problems.checked("add_offset", data.add_offset.map(finite).transpose());
    Ok(match (scale_factor?, add_offset?) {
        (None, None) => None,
        (scale_factor, add_offset) => {
            Some(Packing { scale_factor: scale_factor.unwrap_or(1.0), add_offset: add_offset.unwrap_or(0.0) })
        }
    })
}

pub(super) fn finite(number: f64) -> Result<f64, &'static str> {
    if number.is_finite() { Ok(number) } else { Err("must be a finite number") }
}

/// Whether results can be of the dtype `result`, where elements are of `dtype`, if that is known.
pub(super) fn result_dtype(
    result: DType,
    dtype: Option<DType>,
    is_packed: bool,
    accepts: Accepts,
) -> Result<(), String> {
    match dtype {
        _ if accepts.packing && is_packed => match result {
            DType::Float32 | DType::Float64 => Ok(()),
            _ => Err(format!("{} cannot be that of unpacked values: use float32 or float64", result.name())),
        },
        _ if !accepts.result_dtype => {
            let unless = if accepts.packing { ", unless scale_factor or add_offset is given" } else { "" };
            Err(format!("is for sum only{unless}"))
        }
        Some(dtype) if !can_sum_to(dtype, result) => Err(format!(
            "{} cannot be the result of a sum of {}: it must be of the same kind and at least as wide, or float64",
            result.name(),
            dtype.name()
        )),
        _ => Ok(()),
    }
}

fn can_sum_to(dtype: DType, result: DType) -> bool {
    result == DType::Float64 || (dtype.kind() == result.kind() && result.size() >= dtype.size())
}
