//! The number of elements that are not missing, NaN included: counts are kept anyway, and this is all there is to it.

use bytemuck::cast_slice_mut;

use super::{
    component::ITSELF,
    error::Overflow,
    rule::{Component, Heed, Known, NamedDType, Own, ResultSpec, Rule},
};
use crate::array::{DType, ValueType};

pub(super) const RULE: Rule = Rule {
    summary: "Number of elements that are not missing",
    is_of_variables_only: false,
    is_boolean: false,
    named_dtype: NamedDType::Never,
    unpacks: false,
    weights: Heed::Never,
    default_dtype: |_| DType::Int64,
    accumulators: |_, _| Vec::new(),
    finish,
    components: |_, _| &[ITSELF],
};

/// The same beside other components.
pub(super) const COUNT: Component = Component {
    name: Some("count"),
    own: Some(Own { form: |_, _, _| ValueType::from(DType::Int64).into(), write: finish }),
};

fn finish(known: Known<'_>, _: ResultSpec, results: &mut [u8]) -> Result<(), Overflow> {
    for (result, &count) in cast_slice_mut::<u8, i64>(results).iter_mut().zip(known.counts) {
        *result = i64::try_from(count).map_err(|_| Overflow)?;
    }
    Ok(())
}
