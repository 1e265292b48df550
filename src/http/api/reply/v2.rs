//! Results in the form of `/v2`: a CBOR map (RFC 8949) in which all keys are always there.
//!
//! Values and counts written as bytes are not copied: what stands before, between and behind them is encoded, and the
//! body is sent in parts.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::header,
    response::Response,
};
use minicbor::{
    Encoder,
    encode::{
        Error, Write,
        write::{Cursor, EndOfSlice},
    },
};

use super::parts::Parts;
use crate::{
    array::{ByteOrder, Order},
    engine::{CountsShape, OperationError, OperationResult},
    error::ActiveStorageError,
    resources::{Budget, Buffer, Cancellation, STEP, memory_units},
};

/// `bytes`, `dtype`, `byte_order`, `shape`, `shape_as_bytes`, `count`, `count_as_bytes`.
const KEYS: u64 = 7;

/// Memory units that the list of counts takes; counts as bytes go out from where they are.
pub(super) fn units(counts: &CountsShape, count_as_bytes: bool) -> usize {
    if count_as_bytes { 0 } else { memory_units(list_len(&counts.nesting, counts.max_count)) }
}

/// The whole answer.
pub(super) fn encode(
    result: OperationResult,
    shape_as_bytes: bool,
    count_as_bytes: bool,
    budget: &mut Budget,
) -> Result<Response, ActiveStorageError> {
    let OperationResult { dtype, shape, order, values, counts, nesting, .. } = result;
    let before_values = encoded(|map| {
        map.map(KEYS)?.str("bytes")?.bytes_len(values.bytes().len() as u64)?;
        Ok(())
    })?;
    let mut between = encoded(|map| {
        map.str("dtype")?.str(dtype.name())?.str("byte_order")?.str(ByteOrder::NATIVE.name())?;
        let (listed, as_bytes) = if shape_as_bytes { (&[][..], shape.as_slice()) } else { (shape.as_slice(), &[][..]) };
        map.str("shape")?.array(listed.len() as u64)?;
        for &len in listed {
            map.u64(len as u64)?;
        }
        let as_bytes: Vec<u8> = as_bytes.iter().flat_map(|&len| (len as u64).to_ne_bytes()).collect();
        map.str("shape_as_bytes")?.bytes(&as_bytes)?.str("count")?;
        Ok(())
    })?;
    let mut parts = vec![before_values.into(), Bytes::from_owner(values)];
    if count_as_bytes {
        between.extend(encoded(|map| {
            map.array(0)?.str("count_as_bytes")?.bytes_len(counts.bytes().len() as u64)?;
            Ok(())
        })?);
        parts.extend([between.into(), Bytes::from_owner(counts)]);
    } else {
        let list = list(&counts, &nesting, order, budget)?;
        let after = encoded(|map| {
            map.str("count_as_bytes")?.bytes(&[])?;
            Ok(())
        })?;
        parts.extend([between.into(), Bytes::from_owner(list), after.into()]);
    }
    Response::builder()
        .header(header::CONTENT_TYPE, "application/cbor")
        .body(Body::new(Parts::new(parts)))
        .map_err(|error| ActiveStorageError::Reply(error.to_string()))
}

/// A short piece of the answer.
fn encoded(
    write: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<(), Error<Infallible>>,
) -> Result<Vec<u8>, ActiveStorageError> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder).map_err(|error| ActiveStorageError::Reply(error.to_string()))?;
    Ok(encoder.into_writer())
}

/// The counts as a list of lists of these lengths, whose numbers lie in memory in this order.
fn list(counts: &Buffer, nesting: &[usize], order: Order, budget: &mut Budget) -> Result<Buffer, ActiveStorageError> {
    let counts = counts.elements::<i64>();
    let largest = counts.iter().copied().max().unwrap_or_default();
    let room = list_len(nesting, usize::try_from(largest).unwrap_or_default());
    let mut list = budget.allocate(room).map_err(OperationError::from)?;
    let mut encoder = Encoder::new(Cursor::new(list.bytes_mut()));
    write_list(&mut encoder, counts, &levels(nesting, order), budget.cancellation())
        .map_err(|error: Error<EndOfSlice>| ActiveStorageError::Reply(error.to_string()))?;
    let len = encoder.writer().position();
    list.truncate(len);
    Ok(list)
}

/// One level of nested lists: how many entries, and how far apart they lie in memory.
#[derive(Clone, Copy)]
struct Level {
    len: usize,
    stride: usize,
}

fn levels(nesting: &[usize], order: Order) -> Vec<Level> {
    let mut levels: Vec<Level> = nesting.iter().map(|&len| Level { len, stride: 1 }).collect();
    let mut stride = 1;
    let mut step = |level: &mut Level| {
        level.stride = stride;
        stride *= level.len;
    };
    match order {
        Order::C => levels.iter_mut().rev().for_each(&mut step),
        Order::F => levels.iter_mut().for_each(&mut step),
    }
    levels
}

fn write_list<W: Write>(
    encoder: &mut Encoder<W>,
    counts: &[i64],
    levels: &[Level],
    cancellation: &Cancellation,
) -> Result<(), Error<W::Error>> {
    let Some((Level { len, stride }, inner)) = levels.split_first() else {
        return counts.first().map_or(Ok(()), |&count| encoder.i64(count).map(drop));
    };
    encoder.array(*len as u64)?;
    if !inner.is_empty() || *stride != 1 {
        cancellation.check().map_err(Error::message)?;
        return (0..*len).try_for_each(|entry| {
            write_list(encoder, counts.get(entry * stride..).unwrap_or_default(), inner, cancellation)
        });
    }
    for counts in counts.get(..*len).unwrap_or(counts).chunks(STEP) {
        cancellation.check().map_err(Error::message)?;
        counts.iter().try_for_each(|&count| encoder.i64(count).map(drop))?;
    }
    Ok(())
}

/// Most bytes that nested lists of these lengths take if no number in them is larger than `largest`.
fn list_len(nesting: &[usize], largest: usize) -> usize {
    let (mut heads, mut lists) = (0_usize, 1_usize);
    for &len in nesting {
        heads = heads.saturating_add(lists.saturating_mul(head_len(len)));
        lists = lists.saturating_mul(len);
    }
    heads.saturating_add(lists.saturating_mul(head_len(largest)))
}

/// Bytes of the head of an item with this argument: of a list of that length, or of that number (RFC 8949, section 3).
fn head_len(argument: usize) -> usize {
    match argument {
        0..=0x17 => 1,
        0x18..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn budget(units: usize) -> Budget {
        let pool = Arc::new(crate::resources::Pool::new(1, 0));
        Budget::unshared(units, pool)
    }

    /// Nested lists, index by index.
    fn nested(counts: &[i64], shape: &[usize], order: Order, index: &mut Vec<usize>) -> ciborium::Value {
        if index.len() == shape.len() {
            let axes: Vec<usize> = (0..shape.len()).collect();
            let fastest_last: Vec<usize> = if order == Order::C { axes } else { axes.into_iter().rev().collect() };
            let at = fastest_last.iter().fold(0, |at, &axis| at * shape[axis] + index[axis]);
            return counts[at].into();
        }
        let entries = (0..shape[index.len()]).map(|i| {
            index.push(i);
            let entry = nested(counts, shape, order, index);
            index.pop();
            entry
        });
        ciborium::Value::Array(entries.collect())
    }

    proptest! {
        #[test]
        fn lists_of_counts_are_nested_as_indices_say_and_fit_what_was_planned(
            shape in proptest::collection::vec(0_usize..6, 1..5),
            is_f: bool,
            largest in prop_oneof![0_i64..300, 0_i64..70_000, 0_i64..i64::from(u32::MAX)],
        ) {
            let order = if is_f { Order::F } else { Order::C };
            let values: Vec<i64> = (1..).map(|i| largest / i).take(shape.iter().product()).collect();
            let max_count = usize::try_from(largest).expect("not negative");
            let planned = units(&CountsShape { nesting: shape.clone(), max_count }, false);
            let mut counts = budget(100).allocate(values.len() * 8).expect("memory");
            counts.elements_mut::<i64>().copy_from_slice(&values);
            let written = list(&counts, &shape, order, &mut budget(planned)).expect("it fits");
            let read: ciborium::Value = ciborium::from_reader(written.bytes()).expect("CBOR");
            prop_assert_eq!(read, nested(&values, &shape, order, &mut Vec::new()));
        }
    }
}
