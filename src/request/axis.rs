//! The axes to reduce.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, RefOr, Schema,
        schema::{OneOfBuilder, Type},
    },
};

use crate::{array::MAX_DIMENSIONS, codec::UpTo};

/// One axis or a list of them.
#[derive(Clone, Debug)]
pub struct AxisData(Vec<i64>);

impl AxisData {
    /// For each of so many dimensions, whether it is one of the axes. Negative ones count from the end.
    ///
    /// # Errors
    /// All that is wrong: axes that there are none of, and those that are there twice.
    pub(super) fn reduced(&self, dimensions: usize) -> Result<Vec<bool>, String> {
        let mut reduced = vec![false; dimensions];
        let mut problems = Vec::new();
        for &axis in &self.0 {
            let from_start = if axis < 0 { i128::from(axis) + dimensions as i128 } else { axis.into() };
            match usize::try_from(from_start).ok().and_then(|axis| reduced.get_mut(axis)) {
                None => problems.push(format!("{axis} is outside a shape of {dimensions} dimensions")),
                Some(true) => problems.push(format!("{axis} is there more than once")),
                Some(slot) => *slot = true,
            }
        }
        if problems.is_empty() { Ok(reduced) } else { Err(problems.join("; ")) }
    }
}

impl<'de> Deserialize<'de> for AxisData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AxisVisitor;

        impl<'de> Visitor<'de> for AxisVisitor {
            type Value = AxisData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer or a list of integers")
            }

            fn visit_i64<E>(self, axis: i64) -> Result<AxisData, E> {
                Ok(AxisData(vec![axis]))
            }

            fn visit_u64<E: Error>(self, axis: u64) -> Result<AxisData, E> {
                // Any axis that large is outside any shape.
                Ok(AxisData(vec![i64::try_from(axis).unwrap_or(i64::MAX)]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<AxisData, A::Error> {
                UpTo::<MAX_DIMENSIONS, _>::of(list).map(|UpTo(axes)| AxisData(axes))
            }
        }

        deserializer.deserialize_any(AxisVisitor)
    }
}

impl ToSchema for AxisData {}
impl PartialSchema for AxisData {
    fn schema() -> RefOr<Schema> {
        let axis = || ObjectBuilder::new().schema_type(Type::Integer);
        let list = ArrayBuilder::new().items(axis()).max_items(Some(MAX_DIMENSIONS));
        let either = OneOfBuilder::new().item(axis()).item(list);
        Schema::OneOf(either.description(Some("One axis or a list of axes; [] reduces nothing")).build()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_count_from_either_end_and_everything_wrong_with_them_is_told() {
        let reduced = |axes: &[i64], dimensions| AxisData(axes.to_vec()).reduced(dimensions);
        assert_eq!(reduced(&[0, -1], 3), Ok(vec![true, false, true]));
        assert_eq!(reduced(&[], 2), Ok(vec![false, false]));
        let told = "2 is outside a shape of 2 dimensions; -2 is there more than once";
        assert_eq!(reduced(&[2, 0, -2], 2), Err(told.to_owned()));
        assert!(reduced(&[i64::MIN], 64).is_err() && reduced(&[0], 0).is_err());
    }
}
