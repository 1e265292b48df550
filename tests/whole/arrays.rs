//! Random arrays in random chunks, and random questions about them.

use proptest::prelude::*;
use reductionist::{
    array::{ByteOrder, DType, Kind, Missing, Number, Order, Packing, Pick},
    codec::{CodecId, CodecSpec},
    index::{ChunkTable, ElementType, Grid, Stored, StoredChunk, Variable},
    reduce::Question,
};
use support::encode::{shuffle, zlib};

/// The dtypes that are tried: of each kind, and of each size.
const DTYPES: [DType; 8] = [
    DType::Int8,
    DType::UInt16,
    DType::Int32,
    DType::Int64,
    DType::UInt64,
    DType::Float16,
    DType::Float32,
    DType::Float64,
];

/// An array whose elements are quarters of small integers, or NaN.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) dtype: DType,
    pub(crate) byte_order: ByteOrder,
    pub(crate) order: Order,
    pub(crate) shape: Vec<usize>,
    pub(crate) chunk_shape: Vec<usize>,
    /// In C order.
    pub(crate) elements: Vec<f64>,
    /// For each chunk of the grid, whether it was written.
    pub(crate) written: Vec<bool>,
    pub(crate) fill_value: f64,
    /// For each chunk of the grid, whether its filters were skipped.
    skipped: Vec<bool>,
    is_compressed: bool,
    /// For each chunk of the grid, a number: chunks are stored in their order.
    turns: Vec<u16>,
}

/// An array, what is picked of it, and what is asked.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) array: Array,
    pub(crate) picks: Vec<Pick>,
    pub(crate) question: Question,
}

impl Array {
    /// Rows of so many floats, each a chunk, of which element `i` of row `r` is `r + i % 7`.
    pub(crate) fn of_rows(rows: usize, len: usize) -> Self {
        Self {
            dtype: DType::Float32,
            byte_order: ByteOrder::NATIVE,
            order: Order::C,
            shape: vec![rows, len],
            chunk_shape: vec![1, len],
            elements: (0..rows * len).map(|at| (at / len + at % len % 7) as f64).collect(),
            written: vec![true; rows],
            fill_value: 0.0,
            skipped: vec![true; rows],
            is_compressed: false,
            turns: vec![0; rows],
        }
    }

    pub(crate) fn counts(&self) -> Vec<usize> {
        self.shape.iter().zip(&self.chunk_shape).map(|(len, chunk)| len.div_ceil(*chunk)).collect()
    }

    pub(crate) fn chunk_bytes(&self) -> usize {
        self.chunk_shape.iter().product::<usize>() * self.dtype.size()
    }

    /// The number of the chunk that has this index.
    pub(crate) fn chunk_of(&self, index: &[usize]) -> usize {
        let at = index.iter().zip(&self.chunk_shape).zip(self.counts());
        at.fold(0, |number, ((index, chunk), count)| number * count + index / chunk)
    }

    /// The element at an index: what was written there, or would have been.
    pub(crate) fn element(&self, index: &[usize]) -> f64 {
        if !self.written[self.chunk_of(index)] {
            return self.fill_value;
        }
        let at = index.iter().zip(&self.shape).fold(0, |at, (index, len)| at * len + index);
        self.elements[at]
    }

    fn bytes_of(&self, element: f64) -> Vec<u8> {
        let mut bytes = match self.dtype {
            DType::Int8 => (element as i8).to_le_bytes().to_vec(),
            DType::UInt16 => (element as u16).to_le_bytes().to_vec(),
            DType::Int32 => (element as i32).to_le_bytes().to_vec(),
            DType::Int64 => (element as i64).to_le_bytes().to_vec(),
            DType::UInt64 => (element as u64).to_le_bytes().to_vec(),
            DType::Float16 => half::f16::from_f64(element).to_le_bytes().to_vec(),
            DType::Float32 => (element as f32).to_le_bytes().to_vec(),
            DType::Float64 => element.to_le_bytes().to_vec(),
            other => panic!("{other:?} is not tried"),
        };
        if self.byte_order == ByteOrder::Big {
            bytes.reverse();
        }
        bytes
    }

    /// The bytes of one chunk, padded with what nobody may see.
    fn chunk(&self, number: usize) -> Vec<u8> {
        let (counts, mut at, mut rest) = (self.counts(), vec![0; self.shape.len()], number);
        for (at, count) in at.iter_mut().zip(&counts).rev() {
            (*at, rest) = (rest % count, rest / count);
        }
        let len = self.chunk_shape.iter().product::<usize>();
        let mut elements = vec![Vec::new(); len];
        for inner in crate::oracle::indices(&self.chunk_shape) {
            let index: Vec<_> =
                inner.iter().zip(&at).zip(&self.chunk_shape).map(|((i, at), len)| at * len + i).collect();
            let is_inside = index.iter().zip(&self.shape).all(|(index, len)| index < len);
            let element = if is_inside { self.element(&index) } else { 77.0 };
            let position = |axes: &mut dyn Iterator<Item = (&usize, &usize)>| axes.fold(0, |at, (i, len)| at * len + i);
            let at = match self.order {
                Order::C => position(&mut inner.iter().zip(&self.chunk_shape)),
                Order::F => position(&mut inner.iter().zip(&self.chunk_shape).rev()),
            };
            elements[at] = self.bytes_of(element);
        }
        elements.concat()
    }

    /// An object, and what an index of it would say.
    pub(crate) fn stored(&self) -> (Vec<u8>, Variable, ChunkTable) {
        let long = |lens: &[usize]| lens.iter().map(|&len| len as u64).collect::<Vec<_>>();
        let grid = Grid::new(&long(&self.shape), &long(&self.chunk_shape)).unwrap();
        let mut numbers: Vec<usize> = (0..grid.len() as usize).filter(|&number| self.written[number]).collect();
        numbers.sort_by_key(|&number| self.turns[number % self.turns.len()]);
        let (mut object, mut chunks) = (vec![9; 5], Vec::new());
        for number in numbers {
            let raw = self.chunk(number);
            let is_skipped = !self.is_compressed || self.skipped[number];
            let encoded = if is_skipped { raw } else { zlib(&shuffle(&raw, self.dtype.size())) };
            let filter_mask = if is_skipped { 0b11 } else { 0 };
            let (offset, size) = (object.len() as u64, encoded.len() as u64);
            chunks.push(StoredChunk { number: number as u64, offset, size, filter_mask });
            object.extend(encoded);
            object.extend([7; 3]);
        }
        let table = ChunkTable::new(chunks, &grid, object.len() as u64).unwrap();
        let filter =
            |name: &str| CodecSpec { id: CodecId::Name(name.to_owned()), ..CodecSpec::of_hdf5_filter(0, Vec::new()) };
        let shuffled = CodecSpec { element_size: Some(self.dtype.size() as u64), ..filter("shuffle") };
        let variable = Variable {
            dims: (0..self.shape.len()).map(|axis| format!("d{axis}")).collect(),
            shape: long(&self.shape),
            elements: ElementType::Number { dtype: self.dtype, byte_order: self.byte_order },
            order: self.order,
            stored: Stored::Chunks { shape: long(&self.chunk_shape) },
            filters: vec![CodecSpec { cd_values: None, ..shuffled }, CodecSpec { cd_values: None, ..filter("zlib") }],
            fill_value: Some(self.bytes_of(self.fill_value)),
            attributes: Vec::new(),
            obstacle: None,
        };
        (object, variable, table)
    }
}

fn elements(dtype: DType, len: usize) -> impl Strategy<Value = Vec<f64>> {
    let element = match dtype.kind() {
        Kind::Unsigned => (0..100_i32).prop_map(f64::from).boxed(),
        Kind::Signed => (-99..100_i32).prop_map(f64::from).boxed(),
        Kind::Float => prop_oneof![
            60 => (-99..100_i32).prop_map(|quarters| f64::from(quarters) / 4.0),
            1 => Just(f64::NAN),
        ]
        .boxed(),
    };
    prop::collection::vec(element, len)
}

/// Arrays of a few elements in many chunks.
fn small() -> impl Strategy<Value = Array> {
    arrays(prop::collection::vec((1..9_usize, 1..5_usize), 0..4))
}

/// Arrays of some thousand elements in a few chunks.
fn large() -> impl Strategy<Value = Array> {
    let long = || (30..70_usize, 20..70_usize);
    arrays((long(), (1..4_usize, 1..3_usize), long()).prop_map(|(first, short, last)| vec![first, short, last]))
}

/// Arrays of which each axis and its chunks are so long.
fn arrays(axes: impl Strategy<Value = Vec<(usize, usize)>>) -> impl Strategy<Value = Array> {
    (0..DTYPES.len(), axes).prop_flat_map(|(dtype, axes)| {
        let dtype = DTYPES[dtype];
        let (shape, chunk_shape): (Vec<_>, Vec<_>) = axes.into_iter().unzip();
        let len = shape.iter().product::<usize>();
        let chunks = shape
            .iter()
            .zip(&chunk_shape)
            .map(|(len, chunk): (&usize, &usize)| len.div_ceil(*chunk))
            .product::<usize>();
        (
            elements(dtype, len),
            prop::collection::vec(prop::bool::weighted(0.8), chunks),
            prop::collection::vec(prop::bool::weighted(0.2), chunks),
            prop::collection::vec(any::<u16>(), chunks),
            (any::<bool>(), any::<bool>(), any::<bool>(), 0..20_i32),
        )
            .prop_map(move |(elements, written, skipped, turns, (is_big, is_f, is_compressed, fill))| Array {
                dtype,
                byte_order: if is_big { ByteOrder::Big } else { ByteOrder::Little },
                order: if is_f { Order::F } else { Order::C },
                shape: shape.clone(),
                chunk_shape: chunk_shape.clone(),
                elements,
                written,
                fill_value: f64::from(fill),
                skipped,
                is_compressed,
                turns,
            })
    })
}

fn picks(len: usize) -> impl Strategy<Value = Pick> {
    prop_oneof![
        3 => Just(Pick::Slice { first: 0, step: 1, len }),
        3 => (0..len, 1..4_isize, 0..=len).prop_map(move |(first, step, most)| {
            Pick::Slice { first, step, len: most.min((len - first).div_ceil(step as usize)) }
        }),
        2 => (0..len, 1..4_isize, 0..=len).prop_map(move |(first, step, most)| {
            Pick::Slice { first, step: -step, len: most.min(first / step as usize + 1) }
        }),
        2 => prop::collection::vec(0..len, 0..6).prop_map(Pick::Indices),
        1 => prop::collection::vec(0..len, 20..30).prop_map(Pick::Indices),
        1 => (0..len).prop_map(Pick::One),
    ]
}

fn questions(array: &Array, dimensions: usize) -> impl Strategy<Value = Question> + use<> {
    let number = |value: f64, kind: Kind| match kind {
        Kind::Float => Number::Float(value),
        _ => Number::Integer(value as i128),
    };
    let (kind, fill_value) = (array.dtype.kind(), array.fill_value);
    let missing = prop_oneof![
        2 => Just(Missing::default()),
        2 => Just(Missing { values: vec![number(fill_value, kind)], ..Missing::default() }),
        2 => (0..30_i32, 30..90_i32).prop_map(move |(min, max)| Missing {
            values: if kind == Kind::Float { vec![Number::Float(f64::NAN)] } else { vec![number(7.0, kind)] },
            min: Some(number(min.into(), kind)),
            max: Some(number(max.into(), kind)),
        }),
    ];
    let packing = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Packing { scale_factor: 0.5, add_offset: -8.0 })),
        1 => Just(Some(Packing { scale_factor: -2.0, add_offset: 3.0 })),
    ];
    let reduced = prop_oneof![
        1 => Just(None),
        3 => prop::collection::vec(any::<bool>(), dimensions).prop_map(Some),
    ];
    (missing, packing, reduced, any::<bool>()).prop_map(|(missing, packing, reduced, keepdims)| Question {
        missing,
        packing,
        reduced,
        keepdims,
        ..Question::default()
    })
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    cases_of(small())
}

pub(crate) fn long_cases() -> impl Strategy<Value = Case> {
    cases_of(large())
}

fn cases_of(arrays: impl Strategy<Value = Array>) -> impl Strategy<Value = Case> {
    arrays.prop_flat_map(|array| {
        let picks: Vec<_> = array.shape.iter().map(|&len| picks(len)).collect();
        (Just(array), picks).prop_flat_map(|(array, picks)| {
            let dimensions = picks.iter().filter(|pick| pick.kept_len().is_some()).count();
            let questions = questions(&array, dimensions);
            (Just(array), Just(picks), questions).prop_map(|(array, picks, question)| Case { array, picks, question })
        })
    })
}

/// Arrays of more elements than a small service keeps, and questions about them.
pub(crate) fn large_cases() -> impl Strategy<Value = Case> {
    let shape = (20..60_usize, 1500..3000_usize, 1..5_usize, 100..1000_usize);
    let arrays = (0..DTYPES.len(), shape, any::<u32>(), any::<[bool; 3]>()).prop_map(|(dtype, shape, seed, flags)| {
        let (rows, len, chunk_rows, chunk_len) = shape;
        let mut array = Array::of_rows(rows, len);
        array.dtype = DTYPES[dtype];
        array.chunk_shape = vec![chunk_rows, chunk_len];
        let chunks = array.counts().iter().product::<usize>();
        let number =
            |at: usize| (at as u32).wrapping_mul(2_654_435_761).wrapping_add(seed).wrapping_mul(2_246_822_519) >> 12;
        let element = |at: usize| match array.dtype.kind() {
            Kind::Unsigned => f64::from(number(at) % 100),
            Kind::Signed => f64::from(number(at) % 199) - 99.0,
            Kind::Float => f64::from(number(at) % 3999) / 4.0 - 500.0,
        };
        array.elements = (0..rows * len).map(element).collect();
        let [is_big, is_f, is_compressed] = flags;
        array.byte_order = if is_big { ByteOrder::Big } else { ByteOrder::Little };
        array.order = if is_f { Order::F } else { Order::C };
        Array {
            written: (0..chunks).map(|chunk| number(chunk) % 10 > 0).collect(),
            skipped: (0..chunks).map(|chunk| number(chunk) % 7 == 0).collect(),
            turns: (0..chunks).map(|chunk| number(chunk) as u16).collect(),
            fill_value: 7.0,
            is_compressed,
            ..array
        }
    });
    arrays.prop_flat_map(|array| {
        let (rows, len) = (array.shape[0], array.shape[1]);
        let picks = prop_oneof![
            3 => Just(Pick::all(len)),
            1 => Just(Pick::Slice { first: len - 1, step: -1, len }),
            1 => prop::collection::vec(0..len, len..2 * len).prop_map(Pick::Indices),
        ];
        let questions = questions(&array, 2);
        (Just(array), picks, questions).prop_map(move |(array, pick, mut question)| {
            if question.reduced.as_ref().is_some_and(|reduced| !reduced.contains(&true)) {
                question.reduced = None;
            }
            Case { array, picks: vec![Pick::all(rows), pick], question }
        })
    })
}
