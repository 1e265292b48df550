//! How many elements have which digit, where the digits before it are known.

use std::sync::Arc;

use multiversion::multiversion;

use super::visit::{BLOCK, Seen, Visit, visit};
use crate::{
    array::{Element, Rank, dtype::with_dtype},
    reduce::{Chunk, error::ReduceError, question::Question},
    resources::{Budget, Buffer, Cancellation, memory_units},
};

/// Prefixes that are looked for one after the other; more are searched.
const FEW: usize = 8;

/// A digit of ranks, each counted from the lowest rank, and for each result the digits before it of those that are counted.
#[derive(Debug)]
pub struct Digits {
    /// For each result the number of its first prefix, and how many there are in all.
    starts: Vec<usize>,
    /// In order for each result.
    prefixes: Vec<u64>,
    /// Bits before the digit.
    known: u32,
    bits: u32,
    /// Bits behind it.
    shift: u32,
}

impl Digits {
    /// Digits of so many bits, at most 16, with so many before and behind them.
    pub(super) fn new(prefixes: (Vec<usize>, Vec<u64>), known: u32, bits: u32, shift: u32) -> Self {
        let (starts, prefixes) = prefixes;
        Self { starts, prefixes, known, bits, shift }
    }

    pub(super) const fn bits(&self) -> u32 {
        self.bits
    }

    const fn results(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The number of the first prefix of a result, and its prefixes.
    pub(super) fn of_result(&self, result: usize) -> (usize, &[u64]) {
        let bounds = self.starts.get(result).zip(self.starts.get(result + 1));
        let prefixes = bounds.and_then(|(&first, &end)| Some((first, self.prefixes.get(first..end)?)));
        prefixes.unwrap_or_default()
    }

    /// The bits before the digit.
    pub(super) const fn prefix(&self, key: u64) -> u64 {
        if self.known == 0 { 0 } else { key >> (self.shift + self.bits) }
    }

    const fn mask(&self) -> u64 {
        (1 << self.bits) - 1
    }
}

/// How many elements of each result have which digit.
#[derive(Debug)]
pub struct DigitCounts {
    digits: Arc<Digits>,
    /// For each prefix as many as there are digits.
    counts: Buffer,
    /// For each result how many are NaN, of all that begin with a prefix.
    nans: Buffer,
}

impl DigitCounts {
    /// Of no elements.
    ///
    /// # Errors
    /// If the budget has no room for them.
    pub fn new(digits: Arc<Digits>, budget: &mut Budget) -> Result<Self, ReduceError> {
        let mut counts = budget.allocate(counts_len(digits.prefixes.len(), digits.bits))?;
        let mut nans = budget.allocate(digits.results().saturating_mul(size_of::<u64>()))?;
        counts.elements_mut::<u64>().fill(0);
        nans.elements_mut::<u64>().fill(0);
        Ok(Self { digits, counts, nans })
    }

    /// Memory units of counts of digits of so many bits behind so many prefixes of so many results.
    #[must_use]
    pub const fn units(results: usize, prefixes: usize, bits: u32) -> usize {
        let nans = memory_units(results.saturating_mul(size_of::<u64>()));
        memory_units(counts_len(prefixes, bits)).saturating_add(nans)
    }

    /// What is counted.
    pub(super) fn digits(&self) -> &Digits {
        &self.digits
    }

    /// Counts the elements of a chunk, of whose results each is one of these.
    ///
    /// # Errors
    /// If nobody waits any more.
    pub fn count(
        &mut self,
        question: &Question,
        chunk: Chunk<'_>,
        results: &[usize],
        cancellation: &Cancellation,
    ) -> Result<(), ReduceError> {
        let (counts, nans) = (self.counts.elements_mut(), self.nans.elements_mut());
        let mut count = Count { digits: &self.digits, counts, nans, results };
        with_dtype!(chunk.dtype, T => visit::<T>(question, chunk, &mut count, cancellation))
    }

    /// Adds those of other elements, in which the same is counted, and gives their memory back to the budget that it is of.
    pub fn merge(&mut self, other: Self, budget: &mut Budget) {
        add(self.counts.elements_mut(), other.counts.elements());
        add(self.nans.elements_mut(), other.nans.elements());
        other.give_back(budget);
    }

    /// Gives its memory back to the budget that it is of.
    pub fn give_back(self, budget: &mut Budget) {
        budget.reclaim(self.counts);
        budget.reclaim(self.nans);
    }

    /// Whether any element of a result is NaN, where all are counted.
    pub(super) fn has_nan(&self, result: usize) -> bool {
        self.nans.elements::<u64>().get(result).is_some_and(|&nans| nans > 0)
    }

    /// How many elements of a result were counted.
    pub(super) fn elements(&self, result: usize) -> u64 {
        let (first, prefixes) = self.digits.of_result(result);
        self.of_numbers(first, prefixes.len()).iter().sum()
    }

    /// For each digit, how many elements of a result have it that begin with a prefix.
    pub(super) fn of_prefix(&self, result: usize, prefix: u64) -> &[u64] {
        let (first, prefixes) = self.digits.of_result(result);
        prefixes.binary_search(&prefix).map_or(&[], |at| self.of_numbers(first + at, 1))
    }

    fn of_numbers(&self, first: usize, prefixes: usize) -> &[u64] {
        let bits = self.digits.bits;
        self.counts.elements().get(first << bits..(first + prefixes) << bits).unwrap_or_default()
    }
}

const fn counts_len(prefixes: usize, bits: u32) -> usize {
    prefixes.saturating_mul(size_of::<u64>() << bits)
}

fn add(counts: &mut [u64], others: &[u64]) {
    counts.iter_mut().zip(others).for_each(|(count, other)| *count += other);
}

/// Counts elements.
struct Count<'a> {
    digits: &'a Digits,
    counts: &'a mut [u64],
    nans: &'a mut [u64],
    /// Which of all results those of the chunk are.
    results: &'a [usize],
}

/// How far an element is from the lowest in the order of ranks.
#[inline(always)]
pub(super) fn key<T: Element>(element: T) -> u64 {
    element.rank().widened().wrapping_sub(T::LOWEST.rank().widened()).cast_unsigned()
}

impl<T: Element> Visit<T> for Count<'_> {
    fn visit(&mut self, result: usize, elements: Seen<'_, T>) {
        let Some(&result) = self.results.get(result) else { return };
        let (digits, (first, prefixes)) = (self.digits, self.digits.of_result(result));
        let counts = self.counts.get_mut(first << digits.bits..).unwrap_or_default();
        elements.blocks(|elements| match (digits.known, prefixes.len()) {
            (0, _) => {
                tally(counts, every_digit(elements, digits.shift, &mut [0; BLOCK]));
                if let Some(count) = self.nans.get_mut(result) {
                    *count += nans(elements);
                }
            }
            (_, ..=FEW) => {
                for (&prefix, counts) in prefixes.iter().zip(counts.chunks_exact_mut(1 << digits.bits)) {
                    tally(counts, digits_behind(elements, digits, prefix, &mut [0; BLOCK]));
                }
            }
            _ => elements.iter().for_each(|&element| count_one(digits, prefixes, counts, key(element))),
        });
    }

    fn visit_across(&mut self, first: usize, elements: Seen<'_, T>) {
        let digits = self.digits;
        for (number, element) in elements.valid() {
            let Some(&result) = self.results.get(first + number) else { return };
            let (first, prefixes) = digits.of_result(result);
            let counts = self.counts.get_mut(first << digits.bits..).unwrap_or_default();
            count_one(digits, prefixes, counts, key(element));
            if let Some(nans) = self.nans.get_mut(result).filter(|_| element.is_nan()) {
                *nans += 1;
            }
        }
    }
}

/// Counts an element, if it begins with one of these prefixes.
fn count_one(digits: &Digits, prefixes: &[u64], counts: &mut [u64], key: u64) {
    if let Ok(at) = prefixes.binary_search(&digits.prefix(key)) {
        let digit = usize::try_from(key >> digits.shift & digits.mask()).unwrap_or(usize::MAX);
        if let Some(count) = counts.get_mut(at << digits.bits | digit) {
            *count += 1;
        }
    }
}

fn tally(counts: &mut [u64], digits: &[u16]) {
    for &digit in digits {
        if let Some(count) = counts.get_mut(usize::from(digit)) {
            *count += 1;
        }
    }
}

#[multiversion(targets = "simd")]
fn nans<T: Element>(elements: &[T]) -> u64 {
    elements.iter().map(|element| u64::from(element.is_nan())).sum()
}

/// The first digits of elements, of which so many bits are behind them.
#[multiversion(targets = "simd")]
#[expect(clippy::cast_possible_truncation, reason = "digits have 16 bits, and keys as many as elements")]
fn every_digit<'a, T: Element>(elements: &[T], shift: u32, digits: &'a mut [u16; BLOCK]) -> &'a [u16] {
    for (digit, &element) in digits.iter_mut().zip(elements) {
        let key = key(element);
        *digit = if size_of::<T>() > 4 { (key >> shift) as u16 } else { (key as u32 >> shift) as u16 };
    }
    digits.get(..elements.len()).unwrap_or(digits)
}

/// The digits of those elements that begin with a prefix, of which there is a bit at least.
fn digits_behind<'a, T: Element>(
    elements: &[T],
    digits: &Digits,
    prefix: u64,
    found: &'a mut [u16; BLOCK],
) -> &'a [u16] {
    let (mut of_all, mut are_behind) = ([0; BLOCK], [0; BLOCK]);
    let some = match_prefix(elements, digits, prefix, &mut of_all, &mut are_behind);
    if !some {
        return &[];
    }
    let mut len = 0;
    for (&digit, &is_behind) in of_all.iter().zip(&are_behind).take(elements.len()) {
        if let Some(slot) = found.get_mut(len % BLOCK) {
            *slot = digit;
        }
        len += usize::from(is_behind);
    }
    found.get(..len).unwrap_or(found)
}

/// The digit of each element, and 1 if it begins with a prefix, 0 otherwise; whether any does.
#[multiversion(targets = "simd")]
#[expect(clippy::cast_possible_truncation, reason = "digits have 16 bits, and keys as many as elements")]
fn match_prefix<T: Element>(
    elements: &[T],
    digits: &Digits,
    prefix: u64,
    of_all: &mut [u16; BLOCK],
    are_behind: &mut [u8; BLOCK],
) -> bool {
    let (shift, above, mask) = (digits.shift, digits.shift + digits.bits, digits.mask() as u16);
    let mut some = 0;
    for ((&element, digit), is_behind) in elements.iter().zip(of_all).zip(are_behind) {
        let key = key(element);
        let is = if size_of::<T>() > 4 {
            *digit = (key >> shift) as u16 & mask;
            key >> above == prefix
        } else {
            *digit = (key as u32 >> shift) as u16 & mask;
            key as u32 >> above == prefix as u32
        };
        *is_behind = u8::from(is);
        some |= *is_behind;
    }
    some > 0
}
