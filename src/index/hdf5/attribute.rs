//! Attributes: compact ones in object headers, dense ones in heaps.

use std::slice::ChunksExact;

use rust_hdf5::format::{
    global_heap::decode_vlen_reference,
    messages::{
        attr_info::AttributeInfoMessage,
        dataspace::{DataspaceClass, DataspaceMessage},
        datatype::fixed_string_content,
    },
};

use super::{
    btree2,
    datatype::{Class, Datatype},
    fields::{Fields, decoded},
    file::File,
    heap::Heap,
    object_header::{Kind, ObjectHeader},
    shared,
};
use crate::{
    array::{ByteOrder, DType, Number},
    index::{
        blocks::{Parsed, all},
        error::IndexError,
        variable::{Attribute, AttributeValue, ElementType},
    },
};

const WHAT: &str = "an attribute";

/// An attribute as it is stored.
#[derive(Debug)]
pub(super) struct RawAttribute {
    pub(super) name: String,
    shape: Vec<u64>,
    datatype: Datatype,
    data: Vec<u8>,
}

/// The attributes of an object, in the order in which they were made, where the file keeps it.
pub(super) fn attributes(file: &File<'_>, header: &ObjectHeader) -> Parsed<Vec<RawAttribute>> {
    let compact = header.of_kind(Kind::ATTRIBUTE).map(|message| {
        Ok((u64::from(message.creation), RawAttribute::read(file, header.address, &shared::body(file, message)?)?))
    });
    let dense = header.first(Kind::ATTRIBUTE_INFO).map(|message| {
        let (info, _) = decoded(WHAT, header.address, AttributeInfoMessage::decode(&message.body, &file.context))?;
        if info.is_dense() { dense(file, &info) } else { Ok(Vec::new()) }
    });
    let mut found: Vec<_> = all(compact)?;
    found.extend(dense.transpose()?.unwrap_or_default());
    found.sort_by_key(|(creation, _)| *creation);
    Ok(found.into_iter().map(|(_, attribute)| attribute).collect())
}

/// Bytes of an identifier in the heaps of attributes.
const ID_LEN: usize = 8;

fn dense(file: &File<'_>, info: &AttributeInfoMessage) -> Parsed<Vec<(u64, RawAttribute)>> {
    let heap = Heap::read(file, info.fractal_heap_address);
    let records = btree2::all_records(file, info.name_btree_address, &[8]);
    let (heap, records) = (heap?, records?);
    let found = records.iter().map(|record| {
        let mut fields = Fields::new(WHAT, info.name_btree_address, record);
        let (id, flags, creation) = (fields.take(ID_LEN)?, fields.u8()?, fields.u32()?);
        let body = if flags & 2 == 0 {
            heap.objects(std::iter::once(id))?.pop().unwrap_or_default()
        } else {
            shared::in_heap(file, Kind::ATTRIBUTE, id)?
        };
        Ok((u64::from(creation), RawAttribute::read(file, info.fractal_heap_address, &body)?))
    });
    all(found)
}

impl RawAttribute {
    /// Reads the message ("Attribute Message" of the specification).
    fn read(file: &File<'_>, at: u64, body: &[u8]) -> Parsed<Self> {
        let mut fields = Fields::new(WHAT, at, body);
        let version = fields.u8()?;
        if !(1..=3).contains(&version) {
            return Err(IndexError::unsupported(format!("version {version} of an HDF5 attribute")).into());
        }
        let flags = if version == 1 { fields.u8().map(|_| 0)? } else { fields.u8()? };
        let [name_len, datatype_len, dataspace_len] = [fields.u16()?, fields.u16()?, fields.u16()?];
        fields.take(usize::from(version == 3))?;
        // Version 1 pads each part to a multiple of eight bytes.
        let mut part = |len: u16| -> Parsed<&[u8]> {
            let taken = fields.take(len.into())?;
            if version == 1 {
                fields.take(usize::from(len).wrapping_neg() % 8)?;
            }
            Ok(taken)
        };
        let [name, datatype, dataspace] = [part(name_len)?, part(datatype_len)?, part(dataspace_len)?];
        let resolved = |kind: Kind, is_shared: bool, body: &[u8]| {
            if is_shared { shared::resolve(file, kind, body) } else { Ok(body.to_vec()) }
        };
        let datatype = resolved(Kind::DATATYPE, flags & 1 != 0, datatype)?;
        let dataspace = resolved(Kind::DATASPACE, flags & 2 != 0, dataspace)?;
        let (dataspace, _) = decoded(WHAT, at, DataspaceMessage::decode(&dataspace, &file.context))?;
        Ok(Self {
            name: text(name),
            shape: if dataspace.class == DataspaceClass::Null { vec![0] } else { dataspace.dims },
            datatype: Datatype::read(at, &datatype)?,
            data: fields.rest().to_vec(),
        })
    }

    /// The attribute with its values.
    pub(super) fn value(&self, file: &File<'_>) -> Parsed<Attribute> {
        let value = match (&self.datatype.class, self.datatype.element_type()) {
            (Class::Text { padding }, _) => {
                AttributeValue::Text(self.elements()?.map(|element| fixed_text(element, *padding)).collect())
            }
            (Class::VariableText, _) => {
                AttributeValue::Text(all(self.elements()?.map(|element| Ok(text(&variable(file, element, 1)?))))?)
            }
            (Class::Number { is_padded: true, .. }, _) => AttributeValue::Other("padded number".to_owned()),
            (_, ElementType::Number { dtype, byte_order }) => {
                let elements = self.elements()?;
                let taken = elements.len().saturating_mul(size_of::<Number>());
                file.view.spend(u64::try_from(taken).unwrap_or(u64::MAX))?;
                let values = elements.filter_map(|element| number(dtype, byte_order, element));
                AttributeValue::Numbers { dtype, values: values.collect() }
            }
            (_, ElementType::Other(name)) => AttributeValue::Other(name),
        };
        Ok(Attribute { name: self.name.clone(), shape: self.shape.clone(), value })
    }

    /// The addresses of the objects that each element refers to first, of an attribute of lists of references such as
    /// `DIMENSION_LIST`; None for an empty list.
    pub(super) fn first_references(&self, file: &File<'_>) -> Parsed<Vec<Option<u64>>> {
        let Class::List { item_size, are_references: true } = self.datatype.class else { return Ok(Vec::new()) };
        all(self.elements()?.map(|element| {
            let list = variable(file, element, item_size)?;
            if list.is_empty() {
                return Ok(None);
            }
            Fields::new(WHAT, 0, &list).address(file.context.sizeof_addr)
        }))
    }

    /// The elements, as many as the shape says.
    fn elements(&self) -> Parsed<ChunksExact<'_, u8>> {
        let size = usize::try_from(self.datatype.size).unwrap_or(usize::MAX);
        let wrong = || IndexError::malformed(format!("attribute {:?}", self.name), None, "it is cut off");
        let count = self.shape.iter().try_fold(1_u64, |count, &len| count.checked_mul(len));
        let len = count.and_then(|count| usize::try_from(count).ok()).and_then(|count| count.checked_mul(size));
        let data = len.and_then(|len| self.data.get(..len)).ok_or_else(wrong)?;
        Ok(data.chunks_exact(size))
    }
}

/// What an element of variable length refers to, of items of this size.
fn variable(file: &File<'_>, element: &[u8], item_size: u32) -> Parsed<Vec<u8>> {
    let (count, collection, index) = decoded(WHAT, 0, decode_vlen_reference(element, &file.context))?;
    if count == 0 || collection == 0 || !file.is_defined(collection) {
        return Ok(Vec::new());
    }
    let mut object = file.global_object(collection, index)?.unwrap_or_default();
    let len = usize::try_from(u64::from(count).saturating_mul(item_size.into())).unwrap_or(usize::MAX);
    if object.len() < len {
        return Err(IndexError::malformed(WHAT, collection, "what it refers to is not there").into());
    }
    object.truncate(len);
    Ok(object)
}

fn fixed_text(element: &[u8], padding: u8) -> String {
    let content = fixed_string_content(element, padding).unwrap_or(element);
    text(content)
}

/// Text up to its end, whatever is behind it.
fn text(bytes: &[u8]) -> String {
    let content = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(content).into_owned()
}

fn number(dtype: DType, byte_order: ByteOrder, element: &[u8]) -> Option<Number> {
    let mut bytes = element.to_vec();
    if byte_order == ByteOrder::Big {
        bytes.reverse();
    }
    macro_rules! read {
        ($type:ty, $kind:ident) => {
            Number::$kind(<$type>::from_le_bytes(bytes.try_into().ok()?).into())
        };
    }
    Some(match dtype {
        DType::Int8 => read!(i8, Integer),
        DType::UInt8 => read!(u8, Integer),
        DType::Int16 => read!(i16, Integer),
        DType::UInt16 => read!(u16, Integer),
        DType::Int32 => read!(i32, Integer),
        DType::UInt32 => read!(u32, Integer),
        DType::Int64 => read!(i64, Integer),
        DType::UInt64 => read!(u64, Integer),
        DType::Float16 => read!(half::f16, Float),
        DType::Float32 => read!(f32, Float),
        DType::Float64 => read!(f64, Float),
    })
}
