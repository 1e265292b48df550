//! Elements in order, of which there are too many to keep: each pass tells some more bits of the ranks that are wanted.

use super::{
    collected::Collected,
    digits::{DigitCounts, Digits},
    gathered::select,
};
use crate::{
    array::{Element, Rank, dtype::with_dtype},
    reduce::{error::ReduceError, quantile::Quantiles},
    resources::{Budget, Cancellation},
};

/// What is known of the quantiles of some results.
#[derive(Debug)]
pub struct Narrowed {
    quantiles: Quantiles,
    results: Vec<Wanted>,
    /// Bits of ranks that are known, from the highest.
    known: u32,
}

/// What is wanted of one result.
#[derive(Clone, Debug, Default)]
struct Wanted {
    /// How many elements it has, once that is known.
    elements: u64,
    /// The positions of the elements that are wanted, in order.
    positions: Vec<u64>,
    /// What is known of each of them.
    ranks: Vec<Prefix>,
}

/// What is known of one rank.
#[derive(Clone, Copy, Debug)]
struct Prefix {
    /// Its highest bits.
    bits: u64,
    /// How many elements have ranks that begin like it.
    elements: u64,
    /// Its position among these.
    position: u64,
}

/// The elements are others than in the pass before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherElements;

impl Narrowed {
    /// Most bits of a digit.
    pub const MOST_BITS: u32 = 16;

    /// Of so many results, of which nothing is known.
    #[must_use]
    pub fn new(quantiles: Quantiles, results: usize) -> Self {
        Self { quantiles, results: vec![Wanted::default(); results], known: 0 }
    }

    /// Most bytes that it takes for each result.
    #[must_use]
    pub const fn bytes_per_result(quantiles: usize) -> usize {
        let of_a_rank = size_of::<Prefix>() + 3 * size_of::<u64>();
        size_of::<Wanted>() + size_of::<usize>() + quantiles.saturating_mul(2 * of_a_rank)
    }

    /// Bits of the ranks that are not known yet.
    #[must_use]
    pub fn bits_left(&self) -> u32 {
        let all = u32::try_from(self.quantiles.elements().size()).map_or(u32::MAX, |size| size * u8::BITS);
        all.saturating_sub(self.known)
    }

    /// Whether any bit is known.
    #[must_use]
    pub const fn is_begun(&self) -> bool {
        self.known > 0
    }

    /// How many prefixes are to be told apart by the next pass, of all results.
    #[must_use]
    pub fn prefixes(&self) -> usize {
        self.results.iter().map(|wanted| self.prefixes_of(wanted).count()).sum()
    }

    /// What the next pass counts: digits of so many bits, 1 to 16, and no more than are left.
    #[must_use]
    pub fn digits(&self, bits: u32) -> Digits {
        let (mut starts, mut prefixes) = (vec![0], Vec::new());
        for wanted in &self.results {
            prefixes.extend(self.prefixes_of(wanted));
            starts.push(prefixes.len());
        }
        Digits::new((starts, prefixes), self.known, bits, self.bits_left().saturating_sub(bits))
    }

    /// The prefixes of a result: that of no bits, as long as none is known.
    fn prefixes_of<'a>(&self, wanted: &'a Wanted) -> impl Iterator<Item = u64> + 'a {
        let first = (self.known == 0).then_some(0);
        let alike = wanted.ranks.chunk_by(|one, next| one.bits == next.bits);
        first.into_iter().chain(alike.filter_map(|ranks| ranks.first()).map(|rank| rank.bits))
    }

    /// Takes in what a pass has counted.
    ///
    /// # Errors
    /// If nobody waits any more; or, inside, if the elements are others than in the pass before.
    pub fn learn(
        &mut self,
        counts: &DigitCounts,
        cancellation: &Cancellation,
    ) -> Result<Result<(), OtherElements>, ReduceError> {
        let bits = counts.digits().bits();
        for (number, wanted) in self.results.iter_mut().enumerate() {
            cancellation.check()?;
            if self.known == 0 {
                wanted.begin(&self.quantiles, counts.elements(number), counts.has_nan(number));
            }
            for ranks in wanted.ranks.chunk_by_mut(|one, next| one.bits == next.bits) {
                let Some(&Prefix { bits: prefix, elements, .. }) = ranks.first() else { continue };
                let counts = counts.of_prefix(number, prefix);
                if counts.iter().sum::<u64>() != elements {
                    return Ok(Err(OtherElements));
                }
                narrow(ranks, bits, counts);
            }
        }
        self.known += bits;
        Ok(Ok(()))
    }

    /// How many elements begin with any of the prefixes, once some bits are known.
    #[must_use]
    pub fn elements_left(&self) -> u64 {
        self.prefixes_left().map(|(_, elements)| elements).fold(0, u64::saturating_add)
    }

    /// Room for all of them.
    ///
    /// # Errors
    /// If the budget has none.
    pub fn collected(&self, budget: &mut Budget) -> Result<Collected, ReduceError> {
        let elements: Vec<u64> = self.prefixes_left().map(|(_, elements)| elements).collect();
        Collected::new(self.digits(1), &elements, budget)
    }

    /// Each prefix of each result, and how many elements begin with it.
    fn prefixes_left(&self) -> impl Iterator<Item = (u64, u64)> {
        let alike = self.results.iter().flat_map(|wanted| wanted.ranks.chunk_by(|one, next| one.bits == next.bits));
        alike.filter_map(|ranks| ranks.first().map(|rank| (rank.bits, rank.elements)))
    }

    /// Takes in the elements that were left: nothing is left to be known.
    ///
    /// # Errors
    /// If nobody waits any more; or, inside, if the elements are others than in the pass before.
    pub fn learn_all(
        &mut self,
        collected: &mut Collected,
        cancellation: &Cancellation,
    ) -> Result<Result<(), OtherElements>, ReduceError> {
        if !collected.is_full() {
            return Ok(Err(OtherElements));
        }
        let lowest = with_dtype!(self.quantiles.elements(), T => <T as Element>::LOWEST.rank().widened());
        let (mut number, mut found) = (0, Vec::new());
        for wanted in &mut self.results {
            cancellation.check()?;
            for ranks in wanted.ranks.chunk_by_mut(|one, next| one.bits == next.bits) {
                let positions: Vec<u64> = ranks.iter().map(|rank| rank.position).collect();
                select(collected.of_prefix(number), &positions, &mut found);
                for (rank, found) in ranks.iter_mut().zip(&found) {
                    *rank = Prefix { bits: found.wrapping_sub(lowest).cast_unsigned(), elements: 1, position: 0 };
                }
                number += 1;
            }
        }
        self.known += self.bits_left();
        Ok(Ok(()))
    }

    /// Writes the quantiles of each result, once no bits are left.
    pub fn write_quantiles(&self, values: &mut [f64]) {
        let lowest = with_dtype!(self.quantiles.elements(), T => <T as Element>::LOWEST.rank().widened());
        let mut ranks = Vec::new();
        for (wanted, values) in self.results.iter().zip(values.chunks_exact_mut(self.quantiles.len().max(1))) {
            ranks.clear();
            ranks.extend(wanted.ranks.iter().map(|rank| rank.bits.cast_signed().wrapping_add(lowest)));
            if ranks.is_empty() {
                values.fill(f64::NAN);
            } else {
                self.quantiles.write(wanted.elements, &wanted.positions, &ranks, values);
            }
        }
    }
}

impl Wanted {
    /// What is wanted of so many elements; nothing where any is NaN.
    fn begin(&mut self, quantiles: &Quantiles, elements: u64, has_nan: bool) {
        self.elements = elements;
        self.positions = if has_nan { Vec::new() } else { quantiles.positions(elements) };
        let rank = |&position: &u64| Prefix { bits: 0, elements, position };
        self.ranks = self.positions.iter().map(rank).collect();
    }
}

/// Finds the next digit of ranks that are alike up to it, in the order of their positions.
fn narrow(ranks: &mut [Prefix], bits: u32, counts: &[u64]) {
    let mut below = 0;
    let mut digits = counts.iter().zip(0_u64..);
    let mut digit = digits.next();
    for rank in ranks {
        while let Some((&count, _)) = digit.filter(|(count, _)| below + **count <= rank.position) {
            below += count;
            digit = digits.next();
        }
        if let Some((&elements, digit)) = digit {
            *rank = Prefix { bits: rank.bits << bits | digit, elements, position: rank.position - below };
        }
    }
}
