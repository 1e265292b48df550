//! From blocks of rows to the weights of their elements.

use multiversion::multiversion;

use super::{
    layout::{Block, Layout, Walk},
    weights::Factor,
};

/// What the elements of some rows weigh.
#[derive(Clone, Copy, Debug)]
pub(super) enum Weights<'a> {
    /// All are 1.
    Equal,
    /// One for all elements of each row.
    OfRows(&'a [f64]),
    /// One for each element of a row, the same in all rows.
    OfColumns(&'a [f64]),
    /// One for each element, row by row.
    OfElements(&'a [f64]),
}

impl<'a> Weights<'a> {
    /// Those of at most `len` rows of so many elements, from the row of number `first` on.
    #[inline(always)]
    pub(super) fn of_rows(self, first: usize, len: usize, row_len: usize) -> Self {
        let part = |weights: &'a [f64], of_each: usize| {
            let rest = weights.get(first * of_each..).unwrap_or_default();
            rest.get(..len * of_each).unwrap_or(rest)
        };
        match self {
            Self::Equal | Self::OfColumns(_) => self,
            Self::OfRows(weights) => Self::OfRows(part(weights, 1)),
            Self::OfElements(weights) => Self::OfElements(part(weights, row_len)),
        }
    }

    /// Those of the row of this number, for as many elements as there is room for.
    #[inline(always)]
    pub(super) fn write_row(self, number: usize, room: &mut [f64]) {
        let row = match self {
            Self::Equal => return room.fill(1.0),
            Self::OfRows(weights) => return room.fill(weights.get(number).copied().unwrap_or(f64::NAN)),
            Self::OfColumns(weights) => weights,
            Self::OfElements(weights) => weights.get(number * room.len()..).unwrap_or_default(),
        };
        room.iter_mut().zip(row).for_each(|(slot, &weight)| *slot = weight);
    }
}

/// Brings the weights of blocks to scratch memory.
pub(super) struct Weigher<'a> {
    /// The values of each factor, and where those of a block lie.
    factors: Vec<(&'a [f64], Walk)>,
    /// Length of the axes of blocks, from the outermost.
    outer: Vec<usize>,
    room: Vec<f64>,
}

impl<'a> Weigher<'a> {
    /// Of the blocks of this layout, which was made with these factors.
    pub(super) fn new(factors: &[Factor<'a>], layout: &Layout) -> Self {
        let factors = factors.iter().map(|factor| factor.values).zip(layout.walks.iter().cloned()).collect();
        Self { factors, outer: layout.outer_lens(), room: Vec::new() }
    }

    /// What the elements of a block weigh.
    pub(super) fn weights(&mut self, block: Block) -> Weights<'_> {
        let (rows, row) = (block.rows.len, block.row.len);
        let varies =
            |len: usize, step: fn(&Walk) -> isize| len > 1 && self.factors.iter().any(|(_, walk)| step(walk) != 0);
        let (varies_along, varies_across) = (varies(row, |walk| walk.row), varies(rows, |walk| walk.rows));
        match (varies_along, varies_across) {
            _ if self.factors.is_empty() => Weights::Equal,
            (false, _) => Weights::OfRows(self.load(block, rows, 1)),
            (true, false) => Weights::OfColumns(self.load(block, 1, row)),
            (true, true) => Weights::OfElements(self.load(block, rows, row)),
        }
    }

    /// The products of all factors, in their order, for the first elements of the first rows of a block: where they are, if they are
    /// values of a single one side by side.
    fn load(&mut self, block: Block, rows: usize, row_len: usize) -> &[f64] {
        let len = rows * row_len;
        if let ([(values, walk)], 1) = (self.factors.as_slice(), rows)
            && walk.row == 1
            && let Some(values) = values.get(walk.first(&self.outer, block.at)..).and_then(|rest| rest.get(..len))
        {
            return values;
        }
        if self.room.len() < len {
            self.room.resize(len, f64::NAN);
        }
        let room = self.room.split_at_mut(len).0;
        for (number, (values, walk)) in self.factors.iter().enumerate() {
            let mut first = walk.first(&self.outer, block.at);
            for row in room.chunks_exact_mut(row_len.max(1)) {
                match number {
                    0 => combine(row, values, first, walk.row, |_, value| value),
                    _ => combine(row, values, first, walk.row, |product, value| product * value),
                }
                first = first.wrapping_add_signed(walk.rows);
            }
        }
        room
    }

    /// Bytes that it holds.
    #[cfg(test)]
    pub(super) fn held_len(&self) -> usize {
        self.room.len() * size_of::<f64>()
    }
}

/// Makes something new of each product and a value, `step` apart from the `first` on. None is outside: it would be NaN.
#[multiversion(targets = "simd")]
fn combine<F: Fn(f64, f64) -> f64>(products: &mut [f64], values: &[f64], first: usize, step: isize, with: F) {
    let value = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    match step {
        0 => {
            let value = value(first);
            for product in products {
                *product = with(*product, value);
            }
        }
        1 => {
            let Some(values) = values.get(first..).and_then(|rest| rest.get(..products.len())) else {
                products.fill(f64::NAN);
                return;
            };
            for (product, &value) in products.iter_mut().zip(values) {
                *product = with(*product, value);
            }
        }
        _ => {
            let mut at = first;
            for product in products {
                *product = with(*product, value(at));
                at = at.wrapping_add_signed(step);
            }
        }
    }
}
