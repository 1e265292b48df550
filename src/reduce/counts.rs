//! Counts of the elements in bins.

use super::{
    bins::Bins,
    finder::{Finder, has_table},
    inside::{Inside, count_columns, count_rows},
    operation::{NumOperation, State},
    pieces::Taken,
    rows::COLUMNS,
    tally::{self, NO_WAYS, Ways},
};
use crate::array::Element;

/// A table of all elements of 16 bits pays once so many have been seen.
const TABLE_PAYS: usize = 1 << 16;

/// How many elements of type `T` are in each bin of each result.
pub(super) struct Counts<T: Element> {
    bins: Bins,
    of_bins: Vec<u64>,
    way: Way<T>,
    /// Elements that were seen of all results.
    seen: usize,
}

/// How elements are counted.
enum Way<T: Element> {
    /// They are compared with the one bin.
    Inside(Inside<T::Rank>),
    /// Their bins are found, then they are counted.
    Found(Box<Found<T>>),
}

/// What finds bins, and room for what it finds.
struct Found<T: Element> {
    finder: Finder<T::Rank>,
    slots: Vec<u32>,
    ways: Ways,
}

impl<T: Element> Counts<T> {
    /// For so many results.
    pub(super) fn new(bins: &Bins, results: usize) -> Self {
        let found = || Found { finder: Finder::new::<T>(bins), slots: Vec::new(), ways: NO_WAYS };
        Self {
            bins: bins.clone(),
            of_bins: vec![0; results.min(COLUMNS).saturating_mul(bins.len())],
            way: Inside::new(bins).map_or_else(|| Way::Found(Box::new(found())), Way::Inside),
            seen: 0,
        }
    }

    /// Finds bins by a table once that pays.
    fn see(&mut self, taken: Taken<'_, T::Word>) {
        let Way::Found(found) = &mut self.way else { return };
        let before = self.seen;
        self.seen = before.saturating_add(taken.rows.len() * taken.rows.row_len());
        let pays = size_of::<T>() == 2 && before < TABLE_PAYS && self.seen >= TABLE_PAYS;
        if pays && has_table::<T>(&self.bins) {
            found.finder = Finder::table(&self.bins);
        }
    }
}

impl<T: Element> Found<T> {
    /// The slots of the elements of each row, with room to count them.
    fn each(&mut self, taken: Taken<'_, T::Word>, mut take: impl FnMut(&[u32], &mut Ways)) {
        let row_len = taken.rows.row_len();
        if self.slots.len() < row_len {
            self.slots.resize(row_len, 0);
        }
        let slots = self.slots.split_at_mut(row_len).0;
        for (number, row) in taken.rows.cast::<T>().iter().enumerate() {
            self.finder.find(row, slots);
            if let Some(masks) = taken.masks {
                tally::leave_out(masks.get(number * row_len..).unwrap_or_default(), slots);
            }
            take(slots, &mut self.ways);
        }
    }
}

impl<T: Element> Found<T> {
    /// Whether elements are so many bytes that they are counted before their bins are found.
    fn counts_bytes(taken: Taken<'_, T::Word>) -> bool {
        size_of::<T>() == 1 && taken.masks.is_none() && taken.rows.row_len() >= tally::MANY_BYTES
    }

    fn count_bytes(&mut self, taken: Taken<'_, T::Word>, bins: usize, counts: &mut [u64]) {
        let values: Vec<u8> = (0..=u8::MAX).collect();
        self.slots.resize(self.slots.len().max(values.len()), 0);
        self.finder.find::<T>(bytemuck::cast_slice(&values), &mut self.slots);
        for (row, counts) in taken.rows.iter().zip(counts.chunks_exact_mut(bins.max(1))) {
            tally::count_bytes(bytemuck::cast_slice(row), &self.slots, &mut self.ways, counts);
        }
    }
}

impl<T: Element> NumOperation<T::Word> for Counts<T> {
    fn neutral(&self) -> T::Word {
        bytemuck::cast(T::NOTHING)
    }

    fn clear(&mut self, width: usize) {
        let len = width * self.bins.len();
        self.of_bins.iter_mut().take(len).for_each(|count| *count = 0);
    }

    fn fold_rows(&mut self, first: usize, taken: Taken<'_, T::Word>) {
        self.see(taken);
        let bins = self.bins.len();
        let counts = self.of_bins.get_mut(first * bins..).unwrap_or_default();
        match &mut self.way {
            Way::Inside(inside) => count_rows::<T>(taken, *inside, counts),
            Way::Found(found) if Found::<T>::counts_bytes(taken) => found.count_bytes(taken, bins, counts),
            Way::Found(found) => {
                let mut counts = counts.chunks_exact_mut(bins.max(1));
                found.each(taken, |slots, ways| tally::count_row(slots, ways, counts.next().unwrap_or_default()));
            }
        }
    }

    fn fold_columns(&mut self, taken: Taken<'_, T::Word>) {
        self.see(taken);
        match &mut self.way {
            Way::Inside(inside) => count_columns::<T>(taken, *inside, &mut self.of_bins),
            Way::Found(found) => {
                found.each(taken, |slots, _| tally::count_columns(slots, self.bins.len(), &mut self.of_bins));
            }
        }
    }

    fn settle(&mut self, _: usize) {}

    fn state(&self, width: usize) -> State<'_> {
        State::Counts(self.of_bins.get(..width * self.bins.len()).unwrap_or(&self.of_bins))
    }

    #[cfg(test)]
    fn held_len(&self) -> usize {
        let of_way = match &self.way {
            Way::Inside(_) => 0,
            Way::Found(found) => found.finder.held_len() + size_of_val(&*found.slots) + size_of::<Ways>(),
        };
        size_of_val(&*self.of_bins) + of_way
    }
}
