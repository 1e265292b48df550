//! Which elements are missing: the attributes of a file in, one form of all rules out.

use std::{cmp::Ordering, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use utoipa::ToSchema;

use super::elements::{Elements, shown};
use crate::array::{Missing, Number};

/// Missing data as on the wire; an element is missing if any of the rules says so.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingData {
    /// Equal to this.
    #[serde(default)]
    pub missing_value: Option<Number>,
    /// Equal to one of these.
    #[serde(default, deserialize_with = "distinct")]
    pub missing_values: Option<Vec<Number>>,
    /// Less than this.
    #[serde(default)]
    pub valid_min: Option<Number>,
    /// Greater than this.
    #[serde(default)]
    pub valid_max: Option<Number>,
    /// Outside this range.
    #[serde(default)]
    pub valid_range: Option<[Number; 2]>,
}

/// Values at fault that one problem names: as many as its text has room for.
const MAX_TOLD: usize = 5;

impl MissingData {
    /// The rules in one form: a range is a minimum and a maximum, and of two the narrower one holds.
    ///
    /// # Errors
    /// If elements cannot have one of the values, or nothing is within the bounds.
    pub(super) fn rules(&self, elements: Elements) -> Result<Missing<Number>, String> {
        let read = |number: &Number| elements.as_read(*number);
        let listed = self.missing_values.as_deref().unwrap_or_default();
        let mut values = Vec::with_capacity(listed.len() + usize::from(self.missing_value.is_some()));
        values.extend(self.missing_value.iter().chain(listed).map(read));
        let (min, max) = (self.valid_min.as_ref().map(read), self.valid_max.as_ref().map(read));
        let range = self.valid_range.as_ref().map(|range| range.each_ref().map(read));
        let bounds: Vec<Number> = min.into_iter().chain(max).chain(range.into_iter().flatten()).collect();
        check_values(values.iter().chain(&bounds), elements)?;
        if bounds.iter().any(|bound| matches!(bound, Number::Float(float) if float.is_nan())) {
            return Err("NaN bounds nothing: use a number for valid_min, valid_max and valid_range".to_owned());
        }
        let [low, high] = range.map_or([None; 2], |range| range.map(Some));
        if let (Some(low), Some(high)) = (low, high)
            && !elements.are_ordered(low, high)
        {
            let (low, high) = (shown(low), shown(high));
            return Err(format!("valid_range [{low}, {high}] must go from a lower to a higher value, or be one value"));
        }
        let (min, max) = (narrower(min, low, Ordering::Greater), narrower(max, high, Ordering::Less));
        Ok(Missing { values, min, max })
    }
}

fn check_values<'a>(values: impl Iterator<Item = &'a Number>, elements: Elements) -> Result<(), String> {
    let mut unfit = values.filter(|number| !elements.can_be(**number));
    let mut problems: Vec<_> = unfit.by_ref().take(MAX_TOLD).map(|&number| elements.refusal(number)).collect();
    match unfit.count() {
        0 => {}
        more => problems.push(format!("and {more} more")),
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

/// The one of two bounds that is `narrower` than the other.
pub(super) fn narrower(a: Option<Number>, b: Option<Number>, narrower: Ordering) -> Option<Number> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if compare(a, b) == narrower { a } else { b }),
        (a, b) => a.or(b),
    }
}

/// By value. Values of one dtype are comparable: they are integers, or numbers that a `float64` holds.
fn compare(a: Number, b: Number) -> Ordering {
    let float = |number| match number {
        Number::Integer(integer) => integer as f64,
        Number::Float(float) => float,
    };
    match (a, b) {
        (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
        (a, b) => float(a).total_cmp(&float(b)),
    }
}

/// A list of numbers that is as long as a client likes is kept as long as it has to be.
fn distinct<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Number>>, D::Error> {
    Ok(Option::<Distinct>::deserialize(deserializer)?.map(|Distinct(numbers)| numbers))
}

/// Numbers, each once if there are many.
struct Distinct(Vec<Number>);

/// A list that is worth being looked through for what stands there twice.
const MANY: usize = 1024;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DistinctVisitor;

        impl<'de> Visitor<'de> for DistinctVisitor {
            type Value = Distinct;

            // The words of serde's own lists.
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Distinct, A::Error> {
                let (mut numbers, mut many, mut are_many) = (Vec::new(), MANY, false);
                while let Some(number) = list.next_element()? {
                    numbers.push(number);
                    if numbers.len() > many {
                        once_each(&mut numbers);
                        (many, are_many) = (MANY.max(2 * numbers.len()), true);
                    }
                }
                if are_many {
                    once_each(&mut numbers);
                }
                Ok(Distinct(numbers))
            }
        }

        deserializer.deserialize_seq(DistinctVisitor)
    }
}

/// Leaves one of those that are the same to the bit.
fn once_each(numbers: &mut Vec<Number>) {
    let bits = |number: &Number| match *number {
        Number::Integer(integer) => (false, integer),
        Number::Float(float) => (true, float.to_bits().into()),
    };
    numbers.sort_unstable_by_key(bits);
    numbers.dedup_by_key(|number| bits(number));
}
