//! Lists that nobody can make longer than they are of use.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};

/// A list of no more than `MOST` entries: those behind them are counted, to be told.
#[derive(Debug)]
pub struct UpTo<const MOST: usize, T>(pub Vec<T>);

impl<const MOST: usize, T> UpTo<MOST, T> {
    /// The entries of a list as they come.
    ///
    /// # Errors
    /// If one cannot be read, or there are too many.
    pub fn of<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error>
    where
        T: Deserialize<'de>,
    {
        let (mut entries, mut len) = (Vec::new(), 0);
        while len < MOST
            && let Some(entry) = list.next_element()?
        {
            entries.push(entry);
            len += 1;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            len += 1;
        }
        if len > MOST {
            return Err(A::Error::custom(format_args!("has {len} entries; at most {MOST} are possible")));
        }
        Ok(Self(entries))
    }
}

impl<'de, const MOST: usize, T: Deserialize<'de>> Deserialize<'de> for UpTo<MOST, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<const MOST: usize, T>(PhantomData<T>);

        impl<'de, const MOST: usize, T: Deserialize<'de>> Visitor<'de> for ListVisitor<MOST, T> {
            type Value = UpTo<MOST, T>;

            // The words of serde's own lists.
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                UpTo::of(list)
            }
        }

        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}
