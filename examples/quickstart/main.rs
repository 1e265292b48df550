//! The service at work, in one process: an S3 endpoint with a netCDF4 file in it, the service beside it, and requests
//! whose results are combined and shown next to what NumPy makes of the same data.
//!
//!     cargo run --release --example quickstart             # then paste the curl lines it prints
//!     cargo run --release --example quickstart -- --exit   # ends when the results have been compared
//!     cargo run --release --example quickstart -- --help
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "an example that stops at what it does not expect"
)]

use std::process::ExitCode;

use clap::Parser;
use serde::Deserialize;
use serde_json::{Value, json};
use support::{Answer, Client, PUBLIC_BUCKET, S3, Service};

/// Reads a small netCDF file by way of the service, beside what NumPy makes of it.
///
/// Store, service and client are one process on this machine's loopback.
#[derive(Parser)]
struct Options {
    /// End when the results have been compared, instead of serving until Ctrl-C
    #[arg(long)]
    exit: bool,
}

/// The file, and what `checks/tools/make_sample.py` wrote about it.
const FILE: &[u8] = include_bytes!("temperature.nc");
const DESCRIPTION: &str = include_str!("temperature.json");

/// Where a netCDF variable is in its file, how it is encoded, and what NumPy says of it.
#[derive(Deserialize)]
struct Description {
    file: String,
    variable: String,
    dtype: String,
    byte_order: String,
    shape: [usize; 3],
    chunk_shape: [usize; 3],
    order: String,
    compression: Value,
    filters: Value,
    missing: Value,
    chunks: Vec<Chunk>,
    expected: Expected,
    axis0: AxisExpected,
    select_sample: SelectExpected,
}

/// One storage chunk: its bytes in the file, its place in the array, and the part of it that is not padding.
#[derive(Deserialize)]
struct Chunk {
    offset: u64,
    size: u64,
    origin: [usize; 3],
    selection: Value,
}

#[derive(Deserialize)]
struct Expected {
    count: i64,
    min: f32,
    max: f32,
    sum: f64,
    mean: f64,
}

#[derive(Deserialize)]
struct AxisExpected {
    sum: Vec<f64>,
    count: Vec<i64>,
}

#[derive(Deserialize)]
struct SelectExpected {
    chunk: usize,
    selection: Value,
    count: i64,
    values: Vec<f32>,
}

impl Description {
    /// The body of a request for one chunk.
    fn request(&self, source: &str, chunk: &Chunk) -> Value {
        json!({
            "source": source, "bucket": PUBLIC_BUCKET, "object": self.file,
            "offset": chunk.offset, "size": chunk.size,
            "dtype": self.dtype, "byte_order": self.byte_order, "shape": self.chunk_shape, "order": self.order,
            "compression": self.compression, "filters": self.filters,
            "missing": self.missing, "selection": chunk.selection,
        })
    }
}

/// Sends requests for the chunks of the file and keeps count of what was right.
struct Session {
    description: Description,
    client: Client,
    service: String,
    source: String,
    returned_bytes: usize,
    all_right: bool,
}

impl Session {
    async fn post(&mut self, operation: &str, body: &Value) -> Result<Answer, String> {
        let answer = self.client.post_as(&format!("{}/v1/{operation}", self.service), body, None).await;
        if !answer.status.is_success() {
            return Err(format!("{operation}: {}: {}", answer.status, answer.error()));
        }
        self.returned_bytes += answer.body.len();
        Ok(answer)
    }

    /// One request per chunk; the partial results and counts.
    async fn reduce<T: bytemuck::AnyBitPattern>(&mut self, operation: &str) -> Result<Vec<(T, i64)>, String> {
        let mut partial = Vec::new();
        for index in 0..self.description.chunks.len() {
            let body = self.description.request(&self.source, &self.description.chunks[index]);
            let answer = self.post(operation, &body).await?;
            partial.push((answer.value(), answer.count().as_i64().unwrap_or_default()));
        }
        Ok(partial)
    }

    fn compare<T: PartialEq + std::fmt::Display>(&mut self, what: &str, ours: &T, numpy: &T) {
        let is_right = ours == numpy;
        self.all_right &= is_right;
        let (ours, numpy) = (ours.to_string(), numpy.to_string());
        println!("{what:<16} {ours:>20} {numpy:>20}  {}", if is_right { "same" } else { "DIFFERENT" });
    }

    async fn operations(&mut self) -> Result<(), String> {
        println!("{:<16} {:>20} {:>20}", "", "Reductionist", "NumPy");
        let sums = self.reduce::<f32>("sum").await?;
        let minima = self.reduce::<f32>("min").await?;
        let maxima = self.reduce::<f32>("max").await?;
        let counts = self.reduce::<i64>("count").await?;
        // Chunks in which everything is missing have count 0 and the identity as their result: they need no care.
        let count: i64 = counts.iter().map(|(count, _)| count).sum();
        let sum: f64 = sums.iter().map(|(sum, _)| f64::from(*sum)).sum();
        let Expected { count: n, min, max, sum: total, mean } = self.description.expected;
        self.compare("count", &count, &n);
        self.compare("min", &minima.iter().map(|(min, _)| *min).fold(f32::INFINITY, f32::min), &min);
        self.compare("max", &maxima.iter().map(|(max, _)| *max).fold(f32::NEG_INFINITY, f32::max), &max);
        self.compare("sum", &sum, &total);
        self.compare("mean (sum/count)", &(sum / count as f64), &mean);
        Ok(())
    }

    /// The sum over time at every grid point, put together from the chunks' own.
    async fn sum_over_time(&mut self) -> Result<(), String> {
        let [_, rows, columns] = self.description.shape;
        let (mut sums, mut counts) = (vec![0.0; rows * columns], vec![0; rows * columns]);
        for index in 0..self.description.chunks.len() {
            let mut body = self.description.request(&self.source, &self.description.chunks[index]);
            body["axis"] = json!([0]);
            let answer = self.post("sum", &body).await?;
            let origin = self.description.chunks[index].origin;
            let shape: [usize; 2] = serde_json::from_value(answer.shape()).map_err(|error| error.to_string())?;
            let count: Vec<i64> = serde_json::from_value(answer.count()).map_err(|error| error.to_string())?;
            for (at, (sum, count)) in answer.values::<f32>().into_iter().zip(count).enumerate() {
                let cell = (origin[1] + at / shape[1]) * columns + origin[2] + at % shape[1];
                sums[cell] += f64::from(sum);
                counts[cell] += count;
            }
        }
        let same = sums.iter().zip(&self.description.axis0.sum).filter(|(ours, numpy)| ours == numpy).count();
        let same_counts =
            counts.iter().zip(&self.description.axis0.count).filter(|(ours, numpy)| ours == numpy).count();
        self.compare(
            "sum over time",
            &format!("{same} of {} cells", sums.len()),
            &format!("{0} of {0} cells", sums.len()),
        );
        self.compare(
            "its counts",
            &format!("{same_counts} of {} cells", counts.len()),
            &format!("{0} of {0} cells", sums.len()),
        );
        Ok(())
    }

    async fn select(&mut self) -> Result<(), String> {
        let sample = &self.description.select_sample;
        let mut body = self.description.request(&self.source, &self.description.chunks[sample.chunk]);
        body["selection"] = sample.selection.clone();
        let answer = self.post("select", &body).await?;
        let same = answer.values::<f32>() == self.description.select_sample.values;
        let len = self.description.select_sample.values.len();
        self.compare(
            "select",
            &if same { format!("{len} values") } else { "other values".to_owned() },
            &format!("{len} values"),
        );
        self.compare(
            "its count",
            &answer.count().as_i64().unwrap_or(-1),
            &self.description.select_sample.count.clone(),
        );
        Ok(())
    }

    fn print_curl_lines(&self) {
        let body = self.description.request(&self.source, &self.description.chunks[0]);
        let curl = |operation: &str, body: &Value, rest: &str| {
            println!(
                "  curl -s {}/v1/{operation} -H 'Content-Type: application/json' -d '{body}' {rest}\n",
                self.service
            );
        };
        println!(
            "\nRequests to paste in another terminal. The largest value of a chunk, as a number and with its headers:\n"
        );
        curl("max", &body, "| od -An -tf4");
        curl("max", &body, "-D - -o result.bin");
        println!("The sum over time at every point of the chunk, 600 of them:\n");
        let mut over_time = body.clone();
        over_time["axis"] = json!(0);
        curl("sum", &over_time, "| od -An -tf4");
        println!("What a mistake looks like:\n");
        curl("max", &json!({"dtype": "float31", "shape": [0], "colour": "blue"}), "");
        println!("And the counters:\n\n  curl -s {}/metrics\n", self.service);
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let description: Description = serde_json::from_str(DESCRIPTION).expect("the description that was checked in");
    let s3 = S3::start(free_or_any(9000)).await;
    s3.put(&description.file, FILE);
    let service = Service::start_at(free_or_any(8080), &[]).await;
    println!(
        "S3 store  {}  with {} ({} bytes, netCDF4) in bucket {PUBLIC_BUCKET:?}",
        s3.url(),
        description.file,
        FILE.len()
    );
    println!("service   {}", service.url());
    println!(
        "variable  {}: {} {:?} in {} chunks of {:?}, shuffled, compressed with zlib, a missing value\n",
        description.variable,
        description.dtype,
        description.shape,
        description.chunks.len(),
        description.chunk_shape,
    );
    let mut session = Session {
        description,
        client: Client::default(),
        service: service.url(),
        source: s3.url(),
        returned_bytes: 0,
        all_right: true,
    };
    if let Err(error) = compare_all(&mut session).await {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    session.print_curl_lines();
    if !options.exit {
        println!("Serving until Ctrl-C.");
        drop(tokio::signal::ctrl_c().await);
    }
    service.stop().await;
    if session.all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn compare_all(session: &mut Session) -> Result<(), String> {
    session.operations().await?;
    let chunk_bytes: u64 = session.description.chunks.iter().map(|chunk| chunk.size).sum();
    println!("These took {} bytes of results; the encoded chunks have {chunk_bytes}.\n", session.returned_bytes);
    session.sum_over_time().await?;
    session.select().await?;
    Ok(())
}

/// The port that the documentation uses if it is free, otherwise any.
fn free_or_any(port: u16) -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", port)).map_or(0, |_| port)
}
