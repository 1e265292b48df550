//! Any cut of an array into chunks: what is known of each, merged, is what is known of the whole.

use proptest::prelude::*;
use reductionist::{
    array::{ByteOrder, Order, Positions, Storage},
    operation::Operation,
    reduce::{Chunk, Finished, InOrder, Partial, Place, Question, ReduceError, Results, Statistic, partial},
    request::{ApiVersion, Defaults, Request},
    resources::{Budget, Buffer, Cancellation},
};

use crate::{
    bins::edges,
    moments::MOST_COUNTS,
    oracle::{Bound, Case, Number, indices, position},
    packed::{Packed, packed_cases},
    used_memory,
};

/// An array that is asked for all statistics at once, and how it lies in chunks.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    packed: Packed,
    /// Length of a chunk on each axis.
    chunk: Vec<usize>,
    /// Numbers whose order is that in which the chunks come.
    turns: Vec<u32>,
    /// Whether results are in F order.
    is_f: bool,
    /// Whether results of the array stand in reverse, so that those of a chunk lie at listed places.
    is_reversed: bool,
}

pub(crate) fn cuts() -> impl Strategy<Value = Cut> {
    let with_edges = packed_cases().boxed().prop_flat_map(|mut packed| {
        // It says whether values are unpacked.
        packed.case.operation = Operation::Reduce(Statistic::Sum);
        let edges = edges(packed.values(), MOST_COUNTS / packed.case.elements.len().max(1));
        (Just(packed), edges)
    });
    with_edges.prop_flat_map(|(packed, edges)| {
        let chunk: Vec<_> = packed.case.shape.iter().map(|&len| (len / 4).max(1)..=len.max(1)).collect();
        let turns = prop::collection::vec(any::<u32>(), 256);
        (Just((packed, edges)), chunk, turns, any::<[bool; 2]>(), 0..3_u32).prop_map(
            |((mut packed, edges), chunk, turns, [is_f, is_reversed], ddof)| {
                let case = &mut packed.case;
                (case.selection, case.shuffled, case.result_dtype) = (None, None, None);
                (case.ddof, case.edges) = (ddof, edges);
                Cut { packed, chunk, turns, is_f, is_reversed }
            },
        )
    })
}

/// One chunk of an array.
struct Part {
    /// Index of its first element.
    first: Vec<usize>,
    shape: Vec<usize>,
}

impl Cut {
    /// The chunks in the order of their grid.
    fn parts(&self) -> Vec<Part> {
        let grid: Vec<usize> =
            self.packed.case.shape.iter().zip(&self.chunk).map(|(len, chunk)| len.div_ceil(*chunk)).collect();
        let part = |index: &Vec<usize>| {
            let first: Vec<usize> = index.iter().zip(&self.chunk).map(|(at, len)| at * len).collect();
            let ends =
                first.iter().zip(&self.chunk).zip(&self.packed.case.shape).map(|((at, len), all)| (at + len).min(*all));
            let shape = first.iter().zip(ends).map(|(first, end)| end - first).collect();
            Part { first, shape }
        };
        indices(&grid).iter().map(part).collect()
    }

    /// The bytes of a chunk, which has the order and byte order of the case.
    fn bytes(&self, part: &Part) -> Vec<u8> {
        let Case { dtype, byte_order, order, shape, elements, .. } = &self.packed.case;
        let mut chunk = vec![Vec::new(); part.shape.iter().product()];
        for index in indices(&part.shape) {
            let source: Vec<usize> = index.iter().zip(&part.first).map(|(i, first)| i + first).collect();
            let mut bytes = elements[position(&source, shape, order)].to_le_bytes(*dtype);
            if *byte_order == "big" {
                bytes.reverse();
            }
            chunk[position(&index, &part.shape, order)] = bytes;
        }
        chunk.concat()
    }

    fn question(&self) -> Question {
        let operation = Operation::Reduce(Statistic::Sum);
        let body = self.packed.body(None);
        let request = Request::from_json(&body, ApiVersion::V1, operation, Defaults { keepdims: false });
        let (case, packing) = (self.packed.case.laid_out(self.order()), self.packed.unpacking());
        let statistics = of_one_pass().map(|statistic| case.asked(statistic, packing)).collect();
        Question { statistics, result_dtype: None, ..request.expect("it is valid").question }
    }

    /// The order of results.
    fn order(&self) -> &'static str {
        if self.is_f { "F" } else { "C" }
    }

    /// What is known of a chunk.
    fn partial(&self, question: &Question, part: &Part) -> Partial {
        let bytes = self.bytes(part);
        let mut chunk = buffer(bytes.len());
        chunk.bytes_mut().copy_from_slice(&bytes);
        let byte_order = if self.packed.case.byte_order == "big" { ByteOrder::Big } else { ByteOrder::Little };
        let order = if self.packed.case.order == "C" { Order::C } else { Order::F };
        let positions = Positions::new(&part.shape, order).expect("it is small");
        let chunk = Chunk {
            bytes: &chunk,
            dtype: self.packed.case.dtype,
            storage: Storage { byte_order, shuffled: false },
            positions: &positions,
            order: if self.is_f { Order::F } else { Order::C },
            weights: &[],
        };
        let mut partial = partial(question, chunk, &mut budget()).expect("there is memory");
        partial.renumber(|_, position| self.position(question, part, position));
        partial
    }

    /// Where an element is among those of the array that are behind its result, of which the position among those of a chunk is
    /// known.
    fn position(&self, question: &Question, part: &Part, of_part: u64) -> u64 {
        let axes = |of: &[usize]| self.axes(question, of, true);
        let lens = axes(&part.shape);
        let (mut rest, mut index) = (of_part as usize, Vec::new());
        for len in lens.iter().rev() {
            index.push(rest % len);
            rest /= len;
        }
        index.reverse();
        let of_whole: Vec<usize> = index.iter().zip(axes(&part.first)).map(|(at, first)| at + first).collect();
        position(&of_whole, &axes(&self.packed.case.shape), "C") as u64
    }

    /// The axes that are kept, in the order of the results.
    fn kept(&self, question: &Question, of: &[usize]) -> Vec<usize> {
        self.axes(question, of, false)
    }

    /// The axes that are reduced or kept, in the order of the results.
    fn axes(&self, question: &Question, of: &[usize], are_reduced: bool) -> Vec<usize> {
        let is_reduced = |axis: usize| question.reduced.as_ref().is_none_or(|reduced| reduced[axis]);
        let of = of.iter().enumerate().filter(|(axis, _)| is_reduced(*axis) == are_reduced);
        let mut axes: Vec<_> = of.map(|(_, &len)| len).collect();
        if self.is_f {
            axes.reverse();
        }
        axes
    }

    /// Where `len` results of a chunk lie on an axis of the array.
    fn place(&self, first: usize, len: usize, all: usize) -> Place {
        if !self.is_reversed {
            return Place::From(first);
        }
        Place::At((first..first + len).map(|index| all - 1 - index).collect())
    }

    /// The results of all chunks, which come in this order.
    fn merged(&self, question: &Question, order: &[usize]) -> Result<Results, ReduceError> {
        let parts = self.parts();
        let shape = self.kept(question, &self.packed.case.shape);
        let mut merged =
            InOrder::new(Partial::new(question, self.packed.case.dtype, shape.clone(), &mut budget())?, parts.len());
        for &number in order {
            let (partial, first) = (self.partial(question, &parts[number]), self.kept(question, &parts[number].first));
            let axes = first.iter().zip(partial.shape()).zip(&shape);
            let at = axes.map(|((&first, &len), &all)| self.place(first, len, all)).collect();
            merged.take(number, at, partial, &Cancellation::never())?;
        }
        merged.finish()?.finish(question, &mut budget())
    }
}

fn budget() -> Budget {
    Budget::unshared(1 << 14, used_memory())
}

fn buffer(len: usize) -> Buffer {
    budget().allocate(len).expect("memory")
}

pub(crate) fn check_cut(cut: &Cut) -> Result<(), TestCaseError> {
    let question = cut.question();
    let in_order: Vec<usize> = (0..cut.parts().len()).collect();
    let mut shuffled = in_order.clone();
    shuffled.sort_by_key(|&number| cut.turns[number % cut.turns.len()]);
    let (one, other) = (cut.merged(&question, &in_order), cut.merged(&question, &shuffled));
    // The oracle answers in the order of the elements.
    let mut packed = cut.packed.clone();
    packed.case = cut.packed.case.laid_out(cut.order());
    let (shape, mut groups) = packed.case.groups();
    if cut.is_reversed {
        groups.reverse();
    }
    let expected_of = |statistic| {
        packed.case.operation = Operation::Reduce(statistic);
        (statistic, packed.expected_of(&shape, &groups))
    };
    let expected: Vec<_> = of_one_pass().map(expected_of).collect();
    if expected.iter().any(|(_, expected)| expected.results.is_none()) {
        let overflows = [one, other].map(|results| matches!(results, Err(ReduceError::Overflow { .. })));
        prop_assert_eq!(overflows, [true, true]);
        return Ok(());
    }
    let fail = |error: ReduceError| TestCaseError::fail(error.to_string());
    let (one, other) = (one.map_err(fail)?, other.map_err(fail)?);
    prop_assert_eq!(one.counts.bytes(), other.counts.bytes());
    for ((one, other), (statistic, expected)) in one.statistics.iter().zip(&other.statistics).zip(&expected) {
        prop_assert_eq!((one.asked.statistic, one.dtype), (*statistic, expected.dtype));
        prop_assert_eq!(one.values.bytes(), other.values.bytes(), "{:?} depends on which chunk came first", statistic);
        check_values(one, expected.results.as_deref().unwrap_or_default())?;
    }
    prop_assert_eq!(one.counts.elements::<i64>(), &expected[0].1.counts[..]);
    Ok(())
}

pub(crate) fn check_values(finished: &Finished, expected: &[Bound]) -> Result<(), TestCaseError> {
    let size = finished.dtype.size();
    let values: Vec<_> =
        finished.values.bytes().chunks(size).map(|bytes| Number::from_ne_bytes(bytes, finished.dtype)).collect();
    prop_assert_eq!(values.len(), expected.len());
    for (at, (value, expected)) in values.iter().zip(expected).enumerate() {
        let holds = expected.holds(*value);
        prop_assert!(holds, "{:?} {} is {:?}, expected {:?}", finished.asked, at, value, expected);
    }
    Ok(())
}

/// The statistics that parts of an array tell.
fn of_one_pass() -> impl Iterator<Item = Statistic> {
    Statistic::ALL.iter().copied().filter(|statistic| statistic.is_of_one_pass())
}
