//! What an object says of its variables, whatever its format.

use std::collections::BTreeMap;

use crate::{
    array::{ByteOrder, DType, Number, Order},
    codec::CodecSpec,
};

/// All that an object holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// Dimensions by path, without the slash at its beginning, and their lengths.
    pub dimensions: BTreeMap<String, u64>,
    /// The attributes of the root, in the order in which they were made, where the object keeps it.
    pub attributes: Vec<Attribute>,
    /// The attributes of the groups that have some, by path without the slash at its beginning.
    pub group_attributes: BTreeMap<String, Vec<Attribute>>,
    /// Variables by path, without the slash at its beginning.
    pub variables: BTreeMap<String, Variable>,
}

/// One variable: an array, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// A name for each dimension. Those that have none in the object are `dim_0`, `dim_1` and so on by their position, and
    /// are no dimensions of the object.
    pub dims: Vec<String>,
    /// Length of each dimension; none for a scalar.
    pub shape: Vec<u64>,
    /// Type of the elements.
    pub elements: ElementType,
    /// Layout of the elements, in a chunk or in all.
    pub order: Order,
    /// Where the elements are.
    pub stored: Stored,
    /// What each chunk went through before it was stored, in the order of writing.
    pub filters: Vec<CodecSpec>,
    /// Bytes of the element that stands for those that were never written, as they would be stored; None if there is none.
    pub fill_value: Option<Vec<u8>>,
    /// In the order in which they were made, where the object keeps it.
    pub attributes: Vec<Attribute>,
    /// Why the variable cannot be reduced; None if it can.
    pub obstacle: Option<String>,
}

/// Type of the elements of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// Numbers that can be reduced.
    Number {
        /// What they are.
        dtype: DType,
        /// The order of the bytes of one of them.
        byte_order: ByteOrder,
    },
    /// Anything else, by its name, such as `string`.
    Other(String),
}

/// Where the elements of a variable are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Nowhere: none was ever written.
    Nowhere,
    /// All of them one after the other, in the description itself.
    Inline(Vec<u8>),
    /// All of them one after the other, in the object.
    Contiguous {
        /// Where they begin, in bytes from the beginning of the object.
        offset: u64,
        /// How many bytes they take.
        size: u64,
    },
    /// In chunks, of which some may never have been written.
    Chunks {
        /// Length of each dimension of a chunk. Chunks at the edge are as large as the others.
        shape: Vec<u64>,
    },
    /// Where this does not read them; the obstacle says where that is.
    Elsewhere,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Length of each dimension: none for a single value, one of 0 for an attribute without value.
    pub shape: Vec<u64>,
    /// Its value.
    pub value: AttributeValue,
}

/// The values of an attribute, in C order.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// Numbers, exactly as they are stored.
    Numbers {
        /// Their type.
        dtype: DType,
        /// The values: integers for integer types, otherwise floats.
        values: Vec<Number>,
    },
    /// Texts, without what pads them.
    Text(Vec<String>),
    /// Something else, by the name of its type.
    Other(String),
}

impl Variable {
    /// The dtype of the elements, if they are numbers.
    #[must_use]
    pub const fn dtype(&self) -> Option<DType> {
        match self.elements {
            ElementType::Number { dtype, .. } => Some(dtype),
            ElementType::Other(_) => None,
        }
    }

    /// The attribute of this name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}
