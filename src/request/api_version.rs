//! The two wire forms of the API.

/// The two wire forms that clients speak. They differ in how they name an object and in the form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiVersion {
    /// `source`, `bucket` and `object`; raw bytes and headers.
    V1,
    /// `interface_type` and `url`; CBOR.
    V2,
}

/// The form in which an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyForm {
    /// Raw bytes and headers.
    V1,
    /// A CBOR map.
    V2 {
        /// Write the shape as bytes (u64) instead of a list.
        shape_as_bytes: bool,
        /// Write the counts as bytes (i64) instead of a list.
        count_as_bytes: bool,
    },
}
