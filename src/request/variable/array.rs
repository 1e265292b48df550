//! An array that a client describes, as its field `array` does.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, Visitor},
};

use crate::{
    array::{ByteOrder, DType, Element, MAX_DIMENSIONS, Number, Order, dtype::with_dtype},
    codec::{CodecSpec, Extent, FilterList, MAX_FILTERS, Step, UpTo, ZarrChain, ZarrChunk, ZarrCodec},
    index::{Attribute, AttributeValue, ElementType, Grid, Stored, Variable},
    request::{
        elements::Elements,
        problem::{Noted, Problems},
        question::finite,
    },
};

/// The fields of `array`.
#[derive(Debug, Deserialize)]
pub(super) struct ArrayData {
    dtype: Option<DType>,
    byte_order: Option<ByteOrder>,
    shape: Option<Vec<u64>>,
    chunk_shape: Option<Vec<u64>>,
    order: Option<Order>,
    compression: Option<Document<CodecSpec>>,
    filters: Option<UpTo<MAX_FILTERS, Document<CodecSpec>>>,
    codecs: Option<UpTo<MAX_FILTERS, Document<ZarrCodec>>>,
    fill_value: Option<Number>,
    dims: Option<Vec<String>>,
    scale_factor: Option<Float>,
    add_offset: Option<Float>,
    unsigned: Option<bool>,
}

/// What the fields of `array` come to.
#[derive(Debug)]
pub(super) struct DescribedArray {
    pub(super) variable: Variable,
    pub(super) codecs: Option<Vec<ZarrCodec>>,
    pub(super) grid: Grid,
}

impl ArrayData {
    /// The array, and how it is cut into chunks.
    pub(super) fn array(self, problems: &mut Problems) -> Result<DescribedArray, Noted> {
        let dtype = problems.needed_field("dtype", self.dtype);
        let elements = Elements::of(dtype.ok(), self.unsigned, problems);
        let grid = self.grid(problems);
        let dims = self.dims(problems);
        let Self { scale_factor, add_offset, unsigned, .. } = self;
        let attributes = attributes(scale_factor, add_offset, unsigned, problems);
        let order = self.order.unwrap_or_default();
        let fill_value = self.fill_value;
        let stored = elements.map_or(DType::UInt8, |elements| elements.stored);
        let chunk_shape = grid.as_ref().ok().map(|grid| grid.chunk_shape().to_vec());
        let shape = self.shape.clone();
        let (byte_order, filters, codecs) = self.encoding(stored, chunk_shape.as_deref(), problems);
        let byte_order = byte_order?;
        let fill_value = fill_value.map(|number| {
            let elements = elements?;
            let number = elements.as_read(number);
            problems.checked("fill_value", bytes_of(number, elements, byte_order))
        });
        let variable = Variable {
            dims: dims?,
            shape: shape.ok_or(Noted)?,
            elements: ElementType::Number { dtype: elements?.stored, byte_order },
            order,
            stored: Stored::Chunks { shape: chunk_shape.ok_or(Noted)? },
            filters: filters?,
            fill_value: fill_value.transpose()?,
            attributes: attributes?,
            obstacle: None,
        };
        Ok(DescribedArray { variable, codecs: codecs?, grid: grid? })
    }

    fn grid(&self, problems: &mut Problems) -> Result<Grid, Noted> {
        let shape = problems.needed_field("shape", self.shape.as_ref());
        let chunk_shape = problems.needed_field("chunk_shape", self.chunk_shape.as_ref());
        let shape = problems.checked("shape", check_shape(shape?));
        let chunk_shape = problems.checked("chunk_shape", check_shape(chunk_shape?));
        let (shape, chunk_shape) = (shape?, chunk_shape?);
        problems.checked("chunk_shape", Grid::new(shape, chunk_shape).map_err(|error| error.to_string()))
    }

    fn dims(&self, problems: &mut Problems) -> Result<Vec<String>, Noted> {
        let dimensions = self.shape.as_ref().ok_or(Noted)?.len();
        match &self.dims {
            None => Ok((0..dimensions).map(|dimension| format!("dim_{dimension}")).collect()),
            Some(dims) if dims.len() == dimensions => Ok(dims.clone()),
            Some(dims) => {
                problems.note("dims", format!("has {} names, but shape has {dimensions} dimensions", dims.len()));
                Err(Noted)
            }
        }
    }

    /// The byte order of decoded elements, the filters in the order of writing, or else the codecs.
    #[expect(clippy::type_complexity, reason = "each can fail by itself")]
    fn encoding(
        self,
        stored: DType,
        chunk_shape: Option<&[u64]>,
        problems: &mut Problems,
    ) -> (Result<ByteOrder, Noted>, Result<Vec<CodecSpec>, Noted>, Result<Option<Vec<ZarrCodec>>, Noted>) {
        let others = [
            ("compression", self.compression.is_some()),
            ("filters", self.filters.is_some()),
            ("order", self.order == Some(Order::F)),
        ];
        let Some(UpTo(codecs)) = self.codecs else {
            let filters = self.filters.map_or_else(Vec::new, |UpTo(filters)| filters);
            let filters: Vec<_> = filters.into_iter().map(|Document(filter)| filter).collect();
            let compression = self.compression.map(|Document(compression)| compression);
            let (byte_order, filters) = filtered(self.byte_order, filters, compression, stored, problems);
            return (byte_order, filters, Ok(None));
        };
        if let Some((other, _)) = others.into_iter().find(|(_, is_given)| *is_given) {
            problems.note("codecs", format!("says all that {other} could; give one of them"));
        }
        let codecs: Vec<_> = codecs.into_iter().map(|Document(codec)| codec).collect();
        let lens: Option<Vec<usize>> =
            chunk_shape.map(|shape| shape.iter().map(|&len| usize::try_from(len).unwrap_or(usize::MAX)).collect());
        let chunk =
            ZarrChunk { dtype: stored, byte_order: self.byte_order, shape: lens.as_deref(), extent: Extent::Bounded };
        let chain = problems.checked("codecs", ZarrChain::new(&codecs, chunk));
        (chain.map(|chain| chain.byte_order), Ok(Vec::new()), Ok(Some(codecs)))
    }
}

/// The byte order and all filters, the compression last, if they can be undone.
fn filtered(
    said: Option<ByteOrder>,
    mut filters: Vec<CodecSpec>,
    compression: Option<CodecSpec>,
    stored: DType,
    problems: &mut Problems,
) -> (Result<ByteOrder, Noted>, Result<Vec<CodecSpec>, Noted>) {
    let list = FilterList { filters: &filters, compression: compression.as_ref(), mask: 0 };
    let decoded = list.decoded().filter(|decoded| said.is_none() && decoded.size() > 1);
    let other = decoded.filter(|decoded| decoded.byte_order() != ByteOrder::NATIVE);
    let byte_order = match other {
        Some(decoded) => {
            let problem = format!("is needed: filters decode to {decoded}, and the array may be of another order");
            problems.checked("byte_order", Err(problem))
        }
        None => Ok(said.unwrap_or(ByteOrder::NATIVE)),
    };
    let undone = list.pipeline(stored).map_err(|steps| {
        for (step, problem) in steps {
            problems.note(if step == Step::Filter { "filters" } else { "compression" }, problem);
        }
        Noted
    });
    filters.extend(compression);
    (byte_order, undone.map(|_| filters))
}

fn check_shape(shape: &[u64]) -> Result<&[u64], String> {
    if shape.len() > MAX_DIMENSIONS {
        return Err(format!("has {} dimensions, at most {MAX_DIMENSIONS} are possible", shape.len()));
    }
    let elements = shape.iter().try_fold(1_u64, |elements, &len| elements.checked_mul(len.max(1)));
    match elements.and_then(|elements| i64::try_from(elements).ok()) {
        Some(_) => Ok(shape),
        None => Err("has more elements than can be counted".to_owned()),
    }
}

/// The bytes of an element as it is stored.
fn bytes_of(number: Number, elements: Elements, byte_order: ByteOrder) -> Result<Vec<u8>, String> {
    let bytes = with_dtype!(elements.read, T => T::from_number(number).map(|element| {
        let element = if byte_order == ByteOrder::NATIVE { element } else { element.swap_bytes() };
        bytemuck::bytes_of(&element).to_vec()
    }));
    bytes.ok_or_else(|| elements.refusal(number))
}

/// The attributes that a file would have.
fn attributes(
    scale_factor: Option<Float>,
    add_offset: Option<Float>,
    unsigned: Option<bool>,
    problems: &mut Problems,
) -> Result<Vec<Attribute>, Noted> {
    let mut attributes = Vec::new();
    let mut add = |name: &str, value| attributes.push(Attribute { name: name.to_owned(), shape: Vec::new(), value });
    for (name, number) in [("scale_factor", scale_factor), ("add_offset", add_offset)] {
        let Some(Float(number)) = number else { continue };
        let number = if name == "scale_factor" && number == 0.0 { Err("must not be 0") } else { finite(number) };
        let values = vec![Number::Float(problems.checked(name, number)?)];
        add(name, AttributeValue::Numbers { dtype: DType::Float64, values });
    }
    if unsigned == Some(true) {
        add("_Unsigned", AttributeValue::Text(vec!["true".to_owned()]));
    }
    Ok(attributes)
}

/// A value that is read by way of JSON, in whose terms codecs are described: numbers may be of any of its types.
#[derive(Debug)]
struct Document<T>(T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Document<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = serde_json::Value::deserialize(deserializer)?;
        T::deserialize(document).map(Self).map_err(D::Error::custom)
    }
}

/// A float that may be written as an integer.
#[derive(Clone, Copy, Debug)]
struct Float(f64);

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FloatVisitor;

        impl Visitor<'_> for FloatVisitor {
            type Value = Float;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Float, E> {
                Ok(Float(number as f64))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Float, E> {
                Ok(Float(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Float, E> {
                Ok(Float(number))
            }
        }

        deserializer.deserialize_any(FloatVisitor)
    }
}
