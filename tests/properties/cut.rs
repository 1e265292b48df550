//! Any cut of an array into chunks: what is known of each, merged, is what is known of the whole.

use proptest::prelude::*;
use reductionist::{
    array::{ByteOrder, Order, Positions, Storage},
    operation::Operation,
    reduce::{Asked, Chunk, Finished, InOrder, Partial, Place, Question, ReduceError, Results, Statistic, partial},
    request::{ApiVersion, Defaults, Request},
    resources::{Budget, Buffer, Cancellation},
};

use crate::{
    cases::cases,
    oracle::{Bound, Case, Number, indices, position},
    used_memory,
};

/// An array that is asked for all statistics at once, and how it lies in chunks.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    case: Case,
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
    cases().boxed().prop_flat_map(|case| {
        let chunk: Vec<_> = case.shape.iter().map(|&len| (len / 4).max(1)..=len.max(1)).collect();
        let turns = prop::collection::vec(any::<u32>(), 256);
        (Just(case), chunk, turns, any::<[bool; 2]>(), 0..3_u32).prop_map(
            |(mut case, chunk, turns, [is_f, is_reversed], ddof)| {
                (case.selection, case.shuffled, case.result_dtype, case.ddof) = (None, None, None, ddof);
                Cut { case, chunk, turns, is_f, is_reversed }
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
            self.case.shape.iter().zip(&self.chunk).map(|(len, chunk)| len.div_ceil(*chunk)).collect();
        let part = |index: &Vec<usize>| {
            let first: Vec<usize> = index.iter().zip(&self.chunk).map(|(at, len)| at * len).collect();
            let ends = first.iter().zip(&self.chunk).zip(&self.case.shape).map(|((at, len), all)| (at + len).min(*all));
            let shape = first.iter().zip(ends).map(|(first, end)| end - first).collect();
            Part { first, shape }
        };
        indices(&grid).iter().map(part).collect()
    }

    /// The bytes of a chunk, which has the order and byte order of the case.
    fn bytes(&self, part: &Part) -> Vec<u8> {
        let Case { dtype, byte_order, order, shape, elements, .. } = &self.case;
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
        let body = self.case.body();
        let request = Request::from_json(&body, ApiVersion::V1, operation, Defaults { keepdims: false });
        let statistics = Statistic::ALL.iter().map(|&statistic| Asked { statistic, ddof: self.case.ddof }).collect();
        Question { statistics, result_dtype: None, ..request.expect("it is valid").question }
    }

    /// What is known of a chunk.
    fn partial(&self, question: &Question, part: &Part) -> Partial {
        let bytes = self.bytes(part);
        let mut chunk = buffer(bytes.len());
        chunk.bytes_mut().copy_from_slice(&bytes);
        let byte_order = if self.case.byte_order == "big" { ByteOrder::Big } else { ByteOrder::Little };
        let order = if self.case.order == "C" { Order::C } else { Order::F };
        let positions = Positions::new(&part.shape, order).expect("it is small");
        let chunk = Chunk {
            bytes: &chunk,
            dtype: self.case.dtype,
            storage: Storage { byte_order, shuffled: false },
            positions: &positions,
            order: if self.is_f { Order::F } else { Order::C },
        };
        partial(question, chunk, &mut budget()).expect("there is memory")
    }

    /// The axes that are kept, in the order of the results.
    fn kept(&self, question: &Question, of: &[usize]) -> Vec<usize> {
        let is_reduced = |axis: usize| question.reduced.as_ref().is_none_or(|reduced| reduced[axis]);
        let mut kept: Vec<_> =
            of.iter().enumerate().filter(|(axis, _)| !is_reduced(*axis)).map(|(_, &len)| len).collect();
        if self.is_f {
            kept.reverse();
        }
        kept
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
        let shape = self.kept(question, &self.case.shape);
        let mut merged =
            InOrder::new(Partial::new(question, self.case.dtype, shape.clone(), &mut budget())?, parts.len());
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
    let order = if cut.is_f { "F" } else { "C" };
    let mut case = cut.case.laid_out(order);
    let (shape, mut groups) = case.groups();
    if cut.is_reversed {
        groups.reverse();
    }
    let mut expected_of = |statistic| {
        case.operation = Operation::Reduce(statistic);
        (statistic, case.expected_of(&shape, &groups))
    };
    let expected: Vec<_> = Statistic::ALL.iter().map(|&statistic| expected_of(statistic)).collect();
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

fn check_values(finished: &Finished, expected: &[Bound]) -> Result<(), TestCaseError> {
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
