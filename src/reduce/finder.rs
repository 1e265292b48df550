//! In which bin each element of a row is.

#![expect(clippy::cast_possible_truncation, reason = "there are not more bins than 32 bits count")]

use multiversion::multiversion;

use super::bins::Bins;
use crate::array::{Element, Rank};

/// The slot of an element is the number of its bin; of one that is in none, this or another number that is not below that of the
/// bins.
pub(super) const NO_SLOT: u32 = u32::MAX;

/// What finds the slots of elements of one type.
pub(super) enum Finder<R> {
    /// A guess is corrected by the bounds beside it.
    Regular(Regular<R>),
    /// The bin is searched among the bounds, but for those that no rank reaches.
    Sorted(Sorted<R>),
    /// The slot is looked up by the rank.
    Table(Vec<u16>),
}

/// Bins of any width.
pub(super) struct Sorted<R> {
    /// Their bounds, and the highest of these again until there is one less than a power of two.
    bounds: Vec<R>,
    /// How many there are.
    len: u32,
}

/// Bins whose bounds lie at nearly equal distances.
pub(super) struct Regular<R> {
    /// Of each bin, its lowest rank and the one behind its highest.
    bounds: Vec<[R; 2]>,
    line: Line,
}

/// A line that leads from elements to the middle of their bins.
#[derive(Clone, Copy)]
struct Line {
    slope: f64,
    start: f64,
}

impl<R: Rank> Finder<R> {
    /// The fastest one for elements of type `T` that needs no table of 65,536 of them.
    pub(super) fn new<T: Element<Rank = R>>(bins: &Bins) -> Self {
        if size_of::<R>() == 1 && has_table::<R>(bins) {
            return Self::table(bins);
        }
        let bounds: Vec<R> = bins.bounds.iter().map_while(|&bound| narrowed(bound)).collect();
        let is_whole = bounds.len() == bins.bounds.len();
        let regular = if is_whole { Regular::new::<T>(&bounds) } else { None };
        regular.map_or_else(|| Self::Sorted(Sorted::new(bounds)), Self::Regular)
    }

    /// A table of all elements.
    pub(super) fn table(bins: &Bins) -> Self {
        let mut table = vec![u16::MAX; table_len::<R>()];
        for (bin, bounds) in (0_u16..).zip(bins.bounds.windows(2)) {
            let &[first, behind] = bounds else { continue };
            let lowest = i128::from(R::LOWEST.widened());
            let range = [first, behind].map(|bound| usize::try_from(bound - lowest).unwrap_or(0));
            table.get_mut(range[0]..range[1]).unwrap_or_default().fill(bin);
        }
        Self::Table(table)
    }

    /// Writes the slots of the elements of a row.
    pub(super) fn find<T: Element<Rank = R>>(&self, row: &[T], slots: &mut [u32]) {
        match self {
            Self::Regular(regular) => {
                guess(row, regular.line, regular.bounds.len(), slots);
                correct(row, &regular.bounds, slots);
            }
            Self::Sorted(sorted) => search(row, sorted, slots),
            Self::Table(table) => look_up(row, table, slots),
        }
    }

    /// Bytes that it holds.
    #[cfg(test)]
    pub(super) fn held_len(&self) -> usize {
        match self {
            Self::Regular(regular) => size_of_val(&*regular.bounds),
            Self::Sorted(sorted) => size_of_val(&*sorted.bounds),
            Self::Table(table) => size_of_val(&**table),
        }
    }
}

/// Whether elements of ranks of this type are few enough for a table, and so are the bins: its highest number is that of none.
pub(super) fn has_table<R>(bins: &Bins) -> bool {
    size_of::<R>() <= 2 && bins.len() < usize::from(u16::MAX)
}

const fn table_len<R>() -> usize {
    1 << (8 * size_of::<R>())
}

/// The rank of this number, where there is one.
pub(super) fn narrowed<R: Rank>(rank: i128) -> Option<R> {
    let narrow = R::narrowed(i64::try_from(rank).ok()?);
    (i128::from(narrow.widened()) == rank).then_some(narrow)
}

impl<R: Rank> Sorted<R> {
    fn new(mut bounds: Vec<R>) -> Self {
        let len = bounds.len();
        if let Some(&last) = bounds.last() {
            bounds.resize((len + 1).next_power_of_two() - 1, last);
        }
        Self { bounds, len: u32::try_from(len).unwrap_or(u32::MAX) }
    }
}

impl<R: Rank> Regular<R> {
    /// None where a guess may be off by more than one bin.
    fn new<T: Element<Rank = R>>(bounds: &[R]) -> Option<Self> {
        let value = |rank: R| T::of_rank(rank).to_f64();
        let (&first, &behind) = (bounds.first()?, bounds.last()?);
        let slope = (bounds.len() - 1) as f64 / (value(behind) - value(first));
        let line = Line { slope, start: -value(first) * slope - 0.5 };
        let guess = |rank: R| line.at(value(rank));
        let before = |rank: R| narrowed(i128::from(rank.widened()) - 1);
        let is_near = bounds.array_windows().enumerate().all(|(bin, &[low, behind])| {
            let is_low = before(behind).is_some_and(|last| guess(last) <= bin as f64 + 1.49);
            is_low && guess(low) >= bin as f64 - 1.49
        });
        let is_below = before(first).is_none_or(|below| guess(below) <= 0.49 || value(below).is_nan());
        let is_above = guess(behind) >= bounds.len() as f64 - 2.49;
        let bounds = bounds.array_windows().copied().collect();
        (is_near && is_below && is_above).then_some(Self { bounds, line })
    }
}

impl Line {
    #[inline(always)]
    fn at(self, value: f64) -> f64 {
        value * self.slope + self.start
    }
}

/// Writes bins that are off by one at most, for elements below all of them the first one, and for those above or NaN the last.
#[multiversion(targets = "simd")]
fn guess<T: Element>(row: &[T], line: Line, bins: usize, slots: &mut [u32]) {
    // The last bits of a sum with this one are those of the nearest integer.
    const UNIT: f64 = (1_u64 << 52) as f64;
    let last = bins.saturating_sub(1) as f64;
    for (slot, &element) in slots.iter_mut().zip(row) {
        *slot = (line.at(element.to_f64()).min(last).max(0.0) + UNIT).to_bits() as u32;
    }
}

/// Corrects bins that are off by one.
#[multiversion(targets = "simd")]
fn correct<T: Element>(row: &[T], bounds: &[[T::Rank; 2]], slots: &mut [u32]) {
    for (slot, &element) in slots.iter_mut().zip(row) {
        let rank = element.rank();
        if let Some(&[low, behind]) = bounds.get(*slot as usize) {
            *slot = slot.wrapping_sub(u32::from(rank < low)).wrapping_add(u32::from(rank >= behind));
        }
    }
}

/// Elements that are searched side by side: none waits for what is found of another.
const SEARCHED: usize = 16;

#[multiversion(targets = "simd")]
fn search<T: Element>(row: &[T], sorted: &Sorted<T::Rank>, slots: &mut [u32]) {
    let mut found = [0_u32; SEARCHED];
    for (slots, row) in slots.chunks_mut(SEARCHED).zip(row.chunks(SEARCHED)) {
        found.fill(0);
        let mut step = sorted.bounds.len().div_ceil(2);
        while step > 0 {
            for (found, element) in found.iter_mut().zip(row) {
                let bound = sorted.bounds.get(*found as usize + step - 1);
                *found += if bound.is_some_and(|&bound| bound <= element.rank()) { step as u32 } else { 0 };
            }
            step /= 2;
        }
        slots.iter_mut().zip(&found).for_each(|(slot, &found)| *slot = found.min(sorted.len).wrapping_sub(1));
    }
}

#[multiversion(targets = "simd")]
fn look_up<T: Element>(row: &[T], table: &[u16], slots: &mut [u32]) {
    let lowest = T::Rank::LOWEST.widened();
    for (slot, &element) in slots.iter_mut().zip(row) {
        let at = element.rank().widened().wrapping_sub(lowest).cast_unsigned() as usize;
        *slot = table.get(at).map_or(NO_SLOT, |&slot| slot.into());
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;
    use crate::array::{HasDType, Packing};

    /// Each way to find the slots of elements, and what it finds.
    fn check<T: Element>(elements: &[T], bins: &Bins) -> Vec<&'static str> {
        let mut finders = vec![Finder::new::<T>(bins)];
        let bounds = bins.bounds.iter().map_while(|&bound| narrowed(bound)).collect();
        finders.push(Finder::Sorted(Sorted::new(bounds)));
        if has_table::<T::Rank>(bins) {
            finders.push(Finder::table(bins));
        }
        let mut slots = vec![7; elements.len()];
        let names = finders.iter().map(|finder| {
            finder.find(elements, &mut slots);
            for (&slot, &element) in slots.iter().zip(elements) {
                let bin = usize::try_from(slot).ok().filter(|&bin| bin < bins.len());
                assert_eq!(bin, bins.bin(element.rank().widened()), "{element:?} {bins:?}");
            }
            match finder {
                Finder::Regular(_) => "regular",
                Finder::Sorted(_) => "sorted",
                Finder::Table(_) => "table",
            }
        });
        names.collect()
    }

    fn regular(low: f64, high: f64, bins: i32) -> Vec<f64> {
        (0..=bins).map(|bin| low + f64::from(bin) * (high - low) / f64::from(bins)).collect()
    }

    fn edges() -> Vec<Vec<f64>> {
        vec![
            regular(-10.0, 10.0, 50),
            regular(0.0, 1.0, 2),
            regular(0.0, 65_535.0, 50),
            regular(-300.0, 300.0, 7000),
            regular(1e-9, 3e-9, 40),
            vec![f64::NEG_INFINITY, -3.5, 0.0, 0.0, 1.0, f64::INFINITY],
            vec![f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY],
            vec![1.0, 1.0, 1.0],
            vec![-70_000.0, -65_000.0, 70_000.0, 80_000.0],
        ]
    }

    #[test]
    fn every_way_finds_the_bin_of_every_element() {
        let words: Vec<u16> = (0..=u16::MAX).collect();
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        let wide: Vec<i64> = words.iter().map(|&word| i64::from(word) - 30_000).chain([i64::MIN, i64::MAX]).collect();
        let floats: Vec<f32> = wide.iter().map(|&integer| integer as f32 / 100.0).collect();
        let packings = [None, Some(Packing { scale_factor: -0.25, add_offset: 1.0 })];
        for (edges, packing) in edges().iter().flat_map(|edges| packings.map(|packing| (edges, packing))) {
            check::<f16>(bytemuck::cast_slice(&words), &Bins::between(edges, f16::DTYPE, packing));
            check::<i16>(bytemuck::cast_slice(&words), &Bins::between(edges, i16::DTYPE, packing));
            check::<u16>(&words, &Bins::between(edges, u16::DTYPE, packing));
            check::<i8>(bytemuck::cast_slice(&bytes), &Bins::between(edges, i8::DTYPE, packing));
            check::<i64>(&wide, &Bins::between(edges, i64::DTYPE, packing));
            check::<f32>(&floats, &Bins::between(edges, f32::DTYPE, packing));
        }
    }

    #[test]
    fn regular_bins_are_guessed() {
        let floats: Vec<f32> = (0..5000_u16)
            .map(|integer| f32::from(integer) / 10.0)
            .chain([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN, -0.0])
            .collect();
        let ways = |edges: &[f64]| check(&floats, &Bins::between(edges, f32::DTYPE, None));
        assert_eq!(ways(&regular(200.0, 320.0, 50)), ["regular", "sorted"]);
        assert_eq!(ways(&regular(0.0, 320.0, 5000)), ["regular", "sorted"]);
        assert_eq!(ways(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 400.0]), ["sorted", "sorted"]);
    }
}
