//! Which dimensions are reduced.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use super::selection::{position, within};
use crate::{
    array::{MAX_DIMENSIONS, Pick},
    codec::UpTo,
};

/// Dimensions, by name or by their number in the array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes(Vec<Axis>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Name(String),
    Number(i64),
}

impl Axes {
    /// For each dimension, whether it is one of them.
    ///
    /// # Errors
    /// All that is wrong: dimensions that there are none of, that are there twice, or of which one index was picked.
    pub(super) fn reduced(&self, dims: &[String], picks: &[Pick]) -> Result<Vec<bool>, String> {
        let mut reduced = vec![false; dims.len()];
        let mut problems = Vec::new();
        for axis in &self.0 {
            let position = axis.position(dims);
            let at =
                position.as_ref().ok().and_then(|&position| Some((picks.get(position)?, reduced.get_mut(position)?)));
            match (position, at) {
                (Ok(_), Some((Pick::One(_), _))) => {
                    problems.push(format!("{axis} is gone: selection picks one index of it"));
                }
                (Ok(_), Some((_, slot @ false))) => *slot = true,
                (Ok(_), _) => problems.push(format!("{axis} is there more than once")),
                (Err(problem), _) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(reduced) } else { Err(problems.join("; ")) }
    }
}

impl Axis {
    /// Its number.
    ///
    /// # Errors
    /// If there is none of that name or number, or there are two.
    pub(super) fn position(&self, dims: &[String]) -> Result<usize, String> {
        match self {
            Self::Name(name) => position(name, dims),
            Self::Number(number) => within(*number, dims.len())
                .map_err(|_| format!("{number} is outside a shape of {} dimensions", dims.len())),
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?}"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

const EXPECTED: &str = "a name or number of a dimension, or a list of them";

impl<'de> Deserialize<'de> for Axes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AxesVisitor;

        impl<'de> Visitor<'de> for AxesVisitor {
            type Value = Axes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Axes, E> {
                AxisVisitor.visit_i64(number).map(|axis| Axes(vec![axis]))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Axes, E> {
                AxisVisitor.visit_u64(number).map(|axis| Axes(vec![axis]))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Axes, E> {
                AxisVisitor.visit_str(name).map(|axis| Axes(vec![axis]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Axes, A::Error> {
                UpTo::<MAX_DIMENSIONS, _>::of(list).map(|UpTo(axes)| Axes(axes))
            }
        }

        deserializer.deserialize_any(AxesVisitor)
    }
}

struct AxisVisitor;

impl Visitor<'_> for AxisVisitor {
    type Value = Axis;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or number of a dimension")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Axis, E> {
        Ok(Axis::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Axis, E> {
        // Any number that large is outside any shape.
        Ok(Axis::Number(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Axis, E> {
        Ok(Axis::Name(name.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Axis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AxisVisitor)
    }
}
