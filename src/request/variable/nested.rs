//! Lists of numbers that may be nested, one level for each dimension.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};

use crate::array::{MAX_DIMENSIONS, Number};

/// A number of such a list.
pub(super) trait Entry: Copy {
    /// What it has to be, as in "expected …".
    const EXPECTED: &'static str;

    /// The entry that a number is; None if it is none.
    fn from_number(number: Number) -> Option<Self>;
}

/// The number of a group, or −1.
impl Entry for i32 {
    const EXPECTED: &'static str = "a whole number of 32 bits";

    fn from_number(number: Number) -> Option<Self> {
        match number {
            Number::Integer(integer) => integer.try_into().ok(),
            Number::Float(_) => None,
        }
    }
}

/// A weight.
impl Entry for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_number(number: Number) -> Option<Self> {
        Some(match number {
            Number::Integer(integer) => integer as Self,
            Number::Float(float) => float,
        })
    }
}

/// Numbers in C order, and how they were nested: the length of the lists of each level, of one level where they were not.
#[derive(Clone, Debug)]
pub(super) struct Nested<T> {
    pub(super) values: Arc<Vec<T>>,
    shape: Vec<usize>,
}

impl<T> Nested<T> {
    /// Whether they are as many as positions of dimensions of these lengths, nested like them or not at all.
    ///
    /// # Errors
    /// How many there are, and how many there have to be.
    pub(super) fn check(&self, lens: &[usize]) -> Result<(), String> {
        let needed = lens.iter().try_fold(1_usize, |needed, &len| needed.checked_mul(len));
        let is_flat = matches!(self.shape.as_slice(), [len] if Some(*len) == needed);
        // Behind a length of 0 nobody can write others.
        let is_empty = self.shape.last() == Some(&0) && lens.starts_with(&self.shape);
        if is_flat || is_empty || self.shape == lens {
            return Ok(());
        }
        let shape = &self.shape;
        Err(format!("has entries for a shape of {shape:?}, but the selection has one of {lens:?} there"))
    }
}

/// A list while it is read.
struct Reading<T> {
    values: Vec<T>,
    /// Length of the lists of each level, once one has ended.
    lens: [Option<usize>; MAX_DIMENSIONS],
    /// The level of numbers, once one has been seen.
    depth: Option<usize>,
}

/// What stands in a list of the level above.
struct Level<'a, T> {
    reading: &'a mut Reading<T>,
    depth: usize,
}

impl<'de, T: Entry> DeserializeSeed<'de> for Level<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<T: Entry> Level<'_, T> {
    fn push<E: Error>(self, number: Number) -> Result<(), E> {
        let Some(value) = T::from_number(number) else {
            let number = match number {
                Number::Integer(integer) => integer.to_string(),
                Number::Float(float) => format!("{float:?}"),
            };
            return Err(E::custom(format_args!("{number} is not {}", T::EXPECTED)));
        };
        let is_level_of_lists = self.reading.lens.get(self.depth).is_some_and(Option::is_some);
        if self.depth == 0 || is_level_of_lists || self.reading.depth.is_some_and(|depth| depth != self.depth) {
            return Err(E::custom("numbers and lists stand side by side, or there is no list at all"));
        }
        self.reading.depth = Some(self.depth);
        self.reading.values.push(value);
        Ok(())
    }
}

impl<'de, T: Entry> Visitor<'de> for Level<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or a list that may be nested", T::EXPECTED)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.push(Number::Integer(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.push(Number::Integer(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.push(Number::Float(number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { reading, depth } = self;
        if depth >= MAX_DIMENSIONS {
            return Err(A::Error::custom(format_args!("is nested deeper than {MAX_DIMENSIONS} levels")));
        }
        if reading.depth == Some(depth) {
            return Err(A::Error::custom("numbers and lists stand side by side"));
        }
        let mut len = 0_usize;
        while list.next_element_seed(Level { reading: &mut *reading, depth: depth + 1 })?.is_some() {
            len = len.saturating_add(1);
        }
        match reading.lens.get_mut(depth) {
            Some(Some(before)) if *before != len => {
                Err(A::Error::custom(format_args!("a list of {len} entries stands beside one of {before}")))
            }
            Some(slot) => {
                *slot = Some(len);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl<'de, T: Entry> Deserialize<'de> for Nested<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut reading = Reading { values: Vec::new(), lens: [None; MAX_DIMENSIONS], depth: None };
        Level { reading: &mut reading, depth: 0 }.deserialize(deserializer)?;
        let shape = reading.lens.into_iter().map_while(|len| len).collect();
        Ok(Self { values: Arc::new(reading.values), shape })
    }
}
