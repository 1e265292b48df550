//! What is shared and must not run out: memory, connections, CPU threads, and whose turn it is.

mod buffer;
mod cancellation;
mod cpu;
mod manager;
mod pool;
mod shared_bytes;
mod turns;

pub use buffer::{Budget, Buffer, BufferError, MEMORY_UNIT, memory_units};
pub use cancellation::{Cancellation, Cancelled, STEP, Waiting, step_of};
pub use cpu::{Cpu, CpuError, Effort};
pub use manager::{
    AdmissionError, AnswerPermit, BodyPermit, Connection, ConnectionPermit, ResourceLimits, ResourceManager,
    ThreadPermit,
};
pub use pool::Pool;
pub use shared_bytes::SharedBytes;
pub use turns::{ClientId, LineFull, Permit, Shares};
