//! Datatypes of HDF5 as those of this house.

use super::fields::Fields;
use crate::{
    array::{ByteOrder, DType},
    index::{blocks::Parsed, variable::ElementType},
};

/// What an element is. Of elements with parts it is known that they are ones, and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datatype {
    pub(super) class: Class,
    /// Bytes of an element.
    pub(super) size: u32,
}

/// What kind of element it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A number; padded if it has bits that mean nothing, which only the filter puts right that packed them away.
    Number { dtype: DType, byte_order: ByteOrder, is_padded: bool },
    /// Text of a fixed length.
    Text { padding: u8 },
    /// Text of any length, in the global heap.
    VariableText,
    /// A list of items of this size, in the global heap.
    List { item_size: u32, are_references: bool },
    /// Something else, by its name.
    Other(String),
}

const WHAT: &str = "a datatype";

impl Datatype {
    /// Reads the message ("Datatype Message" of the specification), of whatever version.
    pub(super) fn read(at: u64, body: &[u8]) -> Parsed<Self> {
        let mut fields = Fields::new(WHAT, at, body);
        let class = fields.u8()?;
        let [flags, more_flags, _] = [fields.u8()?, fields.u8()?, fields.u8()?];
        let size = fields.u32()?;
        if size == 0 {
            return Err(fields.wrong("its elements have no bytes"));
        }
        let (version, class) = (class >> 4, class & 0xf);
        let class = match class {
            _ if !(1..=5).contains(&version) => Class::Other(format!("datatype of version {version}")),
            0 => integer(&mut fields, flags, size)?,
            1 => float(&mut fields, flags, more_flags, size)?,
            3 => Class::Text { padding: flags & 0xf },
            9 if flags & 0xf == 1 => Class::VariableText,
            9 => list(&mut fields)?,
            class => Class::Other(name(class).to_owned()),
        };
        Ok(Self { class, size })
    }

    /// What the elements are to others.
    pub(super) fn element_type(&self) -> ElementType {
        match &self.class {
            Class::Number { dtype, byte_order, .. } => ElementType::Number { dtype: *dtype, byte_order: *byte_order },
            Class::Text { .. } | Class::VariableText => ElementType::Other("string".to_owned()),
            Class::List { .. } => ElementType::Other(name(9).to_owned()),
            Class::Other(name) => ElementType::Other(name.clone()),
        }
    }

    /// Whether the elements are numbers that have bits that mean nothing.
    pub(super) const fn is_padded(&self) -> bool {
        matches!(self.class, Class::Number { is_padded: true, .. })
    }
}

const fn byte_order(flags: u8) -> ByteOrder {
    if flags & 1 == 0 { ByteOrder::Little } else { ByteOrder::Big }
}

fn integer(fields: &mut Fields<'_>, flags: u8, size: u32) -> Parsed<Class> {
    let [bit_offset, precision] = [fields.u16()?, fields.u16()?];
    let dtype = match (size, flags & 8 != 0) {
        (1, true) => DType::Int8,
        (1, false) => DType::UInt8,
        (2, true) => DType::Int16,
        (2, false) => DType::UInt16,
        (4, true) => DType::Int32,
        (4, false) => DType::UInt32,
        (8, true) => DType::Int64,
        (8, false) => DType::UInt64,
        _ => return Ok(Class::Other(format!("integer of {size} bytes"))),
    };
    let is_padded = bit_offset != 0 || u32::from(precision) != size.saturating_mul(8);
    Ok(Class::Number { dtype, byte_order: byte_order(flags), is_padded })
}

/// Only floats of IEEE 754 are numbers here: where their parts are, and the bias of the exponent, must be as there.
fn float(fields: &mut Fields<'_>, flags: u8, sign: u8, size: u32) -> Parsed<Class> {
    let [bit_offset, precision] = [fields.u16()?, fields.u16()?];
    let [exponent, exponent_len, mantissa, mantissa_len] = [fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?];
    let bias = fields.u32()?;
    // The highest bit of the mantissa is implied, and the order of bytes is none of VAX.
    let is_usual = bit_offset == 0 && mantissa == 0 && flags & 0x70 == 0x20;
    let dtype = match (size, precision, sign, exponent, exponent_len, mantissa_len, bias) {
        (2, 16, 15, 10, 5, 10, 15) => DType::Float16,
        (4, 32, 31, 23, 8, 23, 127) => DType::Float32,
        (8, 64, 63, 52, 11, 52, 1023) => DType::Float64,
        _ => return Ok(other_float(size)),
    };
    Ok(if is_usual {
        Class::Number { dtype, byte_order: byte_order(flags), is_padded: false }
    } else {
        other_float(size)
    })
}

fn other_float(size: u32) -> Class {
    Class::Other(format!("float of {size} bytes that is not of IEEE 754"))
}

/// The class and the size of the items come first in their own message.
fn list(fields: &mut Fields<'_>) -> Parsed<Class> {
    let are_references = fields.u8()? & 0xf == 7;
    fields.take(3)?;
    Ok(Class::List { item_size: fields.u32()?, are_references })
}

const fn name(class: u8) -> &'static str {
    match class {
        2 => "time",
        4 => "bit field",
        5 => "opaque",
        6 => "compound",
        7 => "reference",
        8 => "enum",
        9 => "variable-length sequence",
        10 => "array",
        11 => "complex number",
        _ => "unknown datatype",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(body: &[u8]) -> Option<Class> {
        Datatype::read(0, body).ok().map(|datatype| datatype.class)
    }

    #[test]
    fn numbers_are_those_of_ieee_754_and_of_twos_complement() {
        let float = [0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];
        let number = |dtype, byte_order| Some(Class::Number { dtype, byte_order, is_padded: false });
        assert_eq!(class(&float), number(DType::Float32, ByteOrder::Little));
        // The sign, the exponent, the bias, the implied bit, the order of VAX.
        for (at, other) in [(2, 30), (12, 22), (16, 126), (1, 0x10), (1, 0x61)] {
            let mut body = float;
            body[at] = other;
            assert!(matches!(class(&body), Some(Class::Other(_))), "byte {at}");
        }
        let big = [0x10, 0x09, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0];
        assert_eq!(class(&big), number(DType::Int16, ByteOrder::Big));
        let padded = [0x10, 0x08, 0, 0, 2, 0, 0, 0, 0, 0, 11, 0];
        assert!(Datatype::read(0, &padded).is_ok_and(|datatype| datatype.is_padded()));
        assert!(matches!(class(&[0x10, 0, 0, 0, 3, 0, 0, 0, 0, 0, 24, 0]), Some(Class::Other(_))));
    }

    #[test]
    fn what_is_cut_off_or_of_no_size_is_refused() {
        let list = [0x19, 0, 0, 0, 16, 0, 0, 0, 0x17, 0, 0, 0, 8, 0, 0, 0];
        assert_eq!(class(&list), Some(Class::List { item_size: 8, are_references: true }));
        assert!((0..list.len()).all(|len| class(&list[..len]).is_none()));
        assert_eq!(class(&[0x13, 0, 0, 0, 0, 0, 0, 0]), None);
        assert!(matches!(class(&[0x63, 0, 0, 0, 4, 0, 0, 0]), Some(Class::Other(_))));
    }
}
