//! Random requests and chunks, of every dtype, layout, selection, set of axes and kind of missing data.

use proptest::{
    prelude::*,
    sample::{Index, select},
};
use reductionist::{array::DType, operation::Operation};

use crate::oracle::{Case, Missing, Number};

/// Dimensions small enough to walk, and now and then one that is longer than the kernels' blocks.
fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        6 => prop::collection::vec(1..7_usize, 1..=4),
        2 => (prop::collection::vec(1..4_usize, 0..=3), any::<Index>(), 30..1300_usize).prop_map(|(mut shape, at, long)| {
            shape.insert(at.index(shape.len() + 1), long);
            shape
        }),
        1 => prop::collection::vec(20..70_usize, 2),
        // More rows than are added before it is looked whether that was exact, and blocks of columns of every length.
        1 => (1..3_usize, 60..140_usize, 1..45_usize).prop_map(|(a, b, c)| vec![a, b, c]),
        // Rows that need several tiles, more than one row of results, and something to reduce.
        1 => (2..4_usize, 2..4_usize, 513..1100_usize).prop_map(|(a, b, c)| vec![a, b, c]),
    ]
}

/// What elements of a chunk have in common.
#[derive(Clone, Copy, Debug)]
enum Data {
    /// Nothing.
    Wild,
    /// They are finite: NaN and infinities hide everything else.
    Calm,
    /// They are positive, of similar size.
    Alike,
    /// Most of them are.
    NearlyAlike,
}

impl Data {
    fn element(self, dtype: DType, code: u64) -> Number {
        match self {
            Self::Wild => Number::from_code(dtype, code),
            Self::Calm => Number::from_code(dtype, if code % 64 < 3 { code + 5 } else { code }),
            Self::NearlyAlike if code.is_multiple_of(200) => Number::from_code(dtype, code / 200),
            Self::Alike | Self::NearlyAlike => Number::alike_from_code(dtype, code),
        }
    }
}

fn slice(len: usize) -> impl Strategy<Value = [Option<i64>; 3]> {
    let len = len as i64;
    let near = prop_oneof![8 => -len - 2..len + 3, 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => i64::MIN..i64::MAX];
    let index = prop::option::weighted(0.8, near);
    let stride = prop_oneof![4 => Just(1_i64), 2 => Just(-1), 3 => -4..5_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let whole = Just([Some(0), Some(len), Some(1)]);
    let any = (index.clone(), index, prop::option::weighted(0.9, stride.prop_filter("not 0", |stride| *stride != 0)));
    prop_oneof![1 => whole, 2 => any.prop_map(|(start, end, stride)| [start, end, stride])]
}

fn missing(dtype: DType, elements: Vec<Number>) -> impl Strategy<Value = Missing> {
    let element = {
        let elements = elements.clone();
        prop_oneof![
            any::<Index>().prop_map(move |at| elements[at.index(elements.len())]),
            any::<u64>().prop_map(move |code| Number::from_code(dtype, code)),
        ]
    };
    let bound = element.clone().prop_filter("NaN bounds nothing", |bound| !bound.is_nan());
    let range = (bound.clone(), bound.clone()).prop_map(|(a, b)| {
        if a.less(b) {
            Some([a, b])
        } else if b.less(a) {
            Some([b, a])
        } else {
            None
        }
    });
    let list = prop_oneof![
        prop::collection::vec(element.clone(), 0..5),
        prop::collection::vec(element.clone(), 5..17),
        prop::collection::vec(element.clone(), 15..40),
    ];
    (
        prop::option::weighted(0.3, element),
        prop::option::weighted(0.2, list),
        prop::option::weighted(0.15, bound.clone()),
        prop::option::weighted(0.15, bound),
        prop_oneof![4 => Just(None), 1 => range],
    )
        .prop_map(|(value, values, min, max, range)| Missing { value, values, min, max, range })
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let what = (select(Operation::ALL), select(DType::ALL), shapes());
    what.prop_flat_map(|(operation, dtype, shape)| {
        let len: usize = shape.iter().product();
        let codes = prop::collection::vec(any::<u64>(), len);
        let elements = (codes, select(&[Data::Wild, Data::Calm, Data::Alike, Data::NearlyAlike][..]))
            .prop_map(move |(codes, data)| codes.into_iter().map(|code| data.element(dtype, code)).collect::<Vec<_>>());
        let slices: Vec<_> = shape.iter().map(|&len| slice(len)).collect();
        let axes = prop::sample::subsequence((0..shape.len()).collect::<Vec<_>>(), 0..=shape.len()).prop_shuffle();
        let results: Vec<DType> = DType::ALL
            .iter()
            .copied()
            .filter(|result| {
                *result == DType::Float64 || (result.kind() == dtype.kind() && result.size() >= dtype.size())
            })
            .collect();
        (elements, slices).prop_flat_map(move |(elements, slices)| {
            (
                select(&["little", "big"][..]),
                select(&["C", "F"][..]),
                prop_oneof![1 => Just(None), 2 => Just(Some(slices))],
                prop::option::weighted(0.7, axes.clone()),
                any::<bool>(),
                prop::option::of(any::<bool>()),
                missing(dtype, elements.clone()),
                prop::option::of(select(results.clone())),
                // Mostly by the elements themselves, which is special, now and then by something else.
                prop_oneof![2 => Just(None), 2 => Just(Some(dtype.size())), 1 => select(&[1, 2, 3, 4, 8][..]).prop_map(Some)],
                Just((operation, dtype, shape.clone(), elements)),
            )
        })
    })
    .prop_map(|(byte_order, order, selection, axis, negative_axes, keepdims, missing, result_dtype, shuffled, what)| {
        let (operation, dtype, shape, elements) = what;
        let shuffled = shuffled.filter(|size| (elements.len() * dtype.size()).is_multiple_of(*size));
        Case {
            operation,
            dtype,
            byte_order,
            order,
            shuffled,
            shape,
            elements,
            selection,
            axis,
            negative_axes,
            keepdims,
            missing,
            result_dtype,
            ddof: 0,
            edges: vec![0.0, f64::INFINITY],
        }
    })
}
