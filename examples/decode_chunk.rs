//! Decodes a chunk from a file, as a request says, and tells how long that takes.
//!
//! ```sh
//! cargo run --release --example decode_chunk -- request.json chunk.bin
//! ```
//!
//! The request is one for `/v2/select`; where its object is does not matter, as the file is the chunk.
#![allow(clippy::print_stdout, reason = "it talks to a person")]

use std::{env, error::Error, fs, sync::Arc, time::Instant};

use reductionist::{
    engine::{Plan, SizeLimits},
    operation::Operation,
    request::{ApiVersion, Defaults, Request},
    resources::{Budget, Pool},
};

/// The shortest of so many times counts.
const RUNS: usize = 25;

const LIMITS: SizeLimits = SizeLimits { chunk: 1 << 30, decoded: 1 << 30, result: 1 << 30 };

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(request), Some(chunk)) = (arguments.next(), arguments.next()) else {
        return Err("which request, and which chunk?".into());
    };
    let (body, encoded) = (fs::read(request)?, fs::read(chunk)?);
    let request = Request::from_json(&body, ApiVersion::V2, Operation::Select, Defaults { keepdims: false })?;
    let plan = Plan::new(request, |_| Ok(0), LIMITS)?;
    let pool = Arc::new(Pool::new(1 << 16, 1 << 28));
    let mut shortest = f64::INFINITY;
    let mut decoded_len = 0;
    for _ in 0..RUNS {
        let units = plan.peak_units(encoded.len());
        let mut budget = Budget::unshared(units, Arc::clone(&pool));
        let mut buffer = budget.allocate(encoded.len())?;
        buffer.bytes_mut().copy_from_slice(&encoded);
        let start = Instant::now();
        let decoded = plan.decode(buffer, &mut budget)?;
        shortest = shortest.min(start.elapsed().as_secs_f64());
        decoded_len = decoded.bytes().len();
    }
    let rate = decoded_len as f64 / shortest / 1e9;
    println!("{} bytes to {decoded_len} in {:.3} ms, {rate:.1} GB/s", encoded.len(), shortest * 1e3);
    Ok(())
}
