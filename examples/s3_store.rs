//! An S3 endpoint in memory, as a process of its own: for checks and benches that want a store beside the service.
//!
//!     cargo run --release --example s3_store -- --port 9000 some-file.nc
//!
//! Files are there under their names in two buckets: `private`, read with access key `storekeeper` and secret key
//! `not-so-secret`, and `public`, read by anybody. More can be uploaded with any S3 client.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "an example that stops at what it does not expect"
)]

use std::{io, path::PathBuf};

use clap::Parser;
use support::{ACCESS_KEY, PRIVATE_BUCKET, PUBLIC_BUCKET, S3, SECRET_KEY};

/// Serves files through S3, on loopback, until it is interrupted
#[derive(Parser)]
struct Args {
    /// Port to listen on; 0 for any free one
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Files to serve, each under its own name
    files: Vec<PathBuf>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let s3 = S3::start(args.port).await;
    for file in &args.files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        s3.put(&name, std::fs::read(file)?);
    }
    println!("{}", s3.url());
    eprintln!("buckets {PRIVATE_BUCKET:?} (access key {ACCESS_KEY}, secret key {SECRET_KEY}) and {PUBLIC_BUCKET:?}");
    tokio::signal::ctrl_c().await
}
