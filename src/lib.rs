//! Reductionist reads storage chunks of a dataset by byte range, decodes them, reduces them and answers with a few bytes.
//!
//! The rooms of the house stand in the order of a question's way:
//!
//! | room | what comes in → what goes out |
//! |---|---|
//! | [`config`], [`app`] | flags and environment → all that requests share |
//! | [`http`] | the door: `server` turns connections into requests, `api` these into questions, and results into answers |
//! | [`credentials`] | who asks, and what they may show to stores |
//! | [`request`] | what is asked: wire form in, checked form out |
//! | [`engine`] | the story: plan → admit → fetch → decode → fold → merge → finish, for one chunk or a whole variable |
//! | [`resources`] | what must not run out: memory, connections, CPU threads, and whose turn it is |
//! | [`index`] | where the chunks of an array lie, and what they hold |
//! | [`source`] | a byte range → its bytes and the version that they are of |
//! | [`codec`] | an encoded chunk → raw bytes |
//! | [`array`](mod@array) | raw bytes → typed elements: dtype, byte order, positions, missing values, packing |
//! | [`reduce`] | elements → states that merge → statistics |
//! | [`operation`] | the table of what chunk routes run |
//! | [`error`] | the one error that the API answers with |
//! | [`telemetry`] | metrics, logs, traces |

pub mod app;
pub mod array;
pub mod codec;
pub mod config;
pub mod credentials;
pub mod engine;
pub mod error;
pub mod http;
pub mod index;
pub mod operation;
pub mod reduce;
pub mod request;
pub mod resources;
pub mod source;
pub mod telemetry;
