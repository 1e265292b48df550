//! What `scripts/soak` puts the service through: load whose every answer is compared, a store that fails, slow clients.
//!
//!     soak load --url http://127.0.0.1:8080 --requests requests.json --connections 200 --seconds 60
//!     soak proxy --store 127.0.0.1:9000 --faults 1000 --seed 7
//!     soak slow --url http://127.0.0.1:8080 --requests requests.json --connections 500 --seconds 30
//!
//! Each prints one line of JSON in the end. `load` and `slow` end early, and in order, at SIGTERM; `proxy` runs until then.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "an example that stops at what it does not expect"
)]

mod faults;
mod load;
mod proxy;
mod requests;
mod slow;

use std::{error::Error, time::Duration};

use clap::{Parser, Subcommand};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Puts the service through load, faults and slow clients
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Requests on connections that are kept; every answer is compared with the one that is expected
    Load(load::Args),
    /// Stands before a store and spoils its answers, from SIGUSR1 on
    Proxy(proxy::Args),
    /// Connections that send heads and bodies, or read answers, one byte a second
    Slow(slow::Args),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let report = match Arguments::parse().part {
        Part::Load(args) => load::run(args).await?,
        Part::Proxy(args) => proxy::run(args).await?,
        Part::Slow(args) => slow::run(args).await?,
    };
    println!("{report}");
    Ok(())
}

/// Waits until the time has passed or somebody says that it is enough.
async fn time_or_signal(seconds: f64) -> Outcome<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! { () = sleep(Duration::from_secs_f64(seconds)) => {}, _ = terminate.recv() => {} }
    Ok(())
}

/// Numbers that look random, the same ones for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
