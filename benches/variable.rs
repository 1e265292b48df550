//! Means of whole variables, of files on this machine: beside libdeflate, which inflates the same chunks and does nothing else.
#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing, clippy::pedantic, reason = "a bench")]

use std::time::Duration;

use clap::Parser;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use libdeflater::Decompressor;
use reductionist::{
    app::App,
    array::{ByteOrder, DType, Missing, Number, Order, Pick},
    codec::{CodecId, CodecSpec},
    config::{Args, Config},
    credentials::{Caller, Payer},
    engine::{Asking, variable::Progress},
    index::{ChunkTable, ElementType, Grid, Stored, StoredChunk, Variable},
    reduce::{Question, Statistic},
    request::variable::{ListedArray, ObjectRequest, Target, VariableQuestion, Weights},
    resources::ClientId,
    source::{FileLocation, Location},
};
use support::{
    Directory,
    encode::{shuffle, zlib},
};
use tokio::time::Instant;

/// So many chunks of so many elements, with weather in them.
struct File {
    chunks: Vec<Vec<u8>>,
    len: usize,
}

impl File {
    fn new(chunks: usize, len: usize) -> Self {
        let chunk = |number: usize| {
            let noise = |i: usize| ((i * 7919 + number * 104_729) % 1009) as f32 / 64.0;
            let value = |i: usize| if i % 8 == 3 { 1e20 } else { 273.0 + (i / 64) as f32 / 8.0 + noise(i) };
            let values: Vec<f32> = (0..len).map(value).collect();
            zlib(&shuffle(bytemuck::cast_slice(&values), 4))
        };
        let some: Vec<_> = (0..chunks.min(64)).map(chunk).collect();
        Self { chunks: (0..chunks).map(|number| some[number % some.len()].clone()).collect(), len }
    }

    fn listed(&self) -> ListedArray {
        let (shape, chunk) = (vec![self.chunks.len() as u64, self.len as u64], vec![1, self.len as u64]);
        let grid = Grid::new(&shape, &chunk).expect("a grid");
        let mut offset = 0;
        let stored = self.chunks.iter().enumerate().map(|(number, bytes)| {
            let (number, size) = (number as u64, bytes.len() as u64);
            offset += size;
            StoredChunk { number, offset: offset - size, size, filter_mask: 0 }
        });
        let chunks = ChunkTable::new(stored.collect(), &grid, u64::MAX).expect("a table");
        let filter = |name: &str, element_size| CodecSpec {
            id: CodecId::Name(name.to_owned()),
            cd_values: None,
            element_size,
            ..CodecSpec::of_hdf5_filter(0, Vec::new())
        };
        let variable = Variable {
            dims: vec!["time".to_owned(), "cell".to_owned()],
            shape,
            elements: ElementType::Number { dtype: DType::Float32, byte_order: ByteOrder::Little },
            order: Order::C,
            stored: Stored::Chunks { shape: chunk },
            filters: vec![filter("shuffle", Some(4)), filter("zlib", None)],
            fill_value: None,
            attributes: Vec::new(),
            obstacle: None,
        };
        ListedArray { variable, codecs: None, chunks, objects: None }
    }
}

fn app(directory: &Directory) -> App {
    let args = ["reductionist", "--file-root", directory.text(), "--thread-limit", "1"];
    App::new(&Config::from_args(Args::parse_from(args)).expect("settings")).expect("an app")
}

fn question(file: &File, statistics: &[Statistic]) -> VariableQuestion {
    let all = |len| Pick::Slice { first: 0, step: 1, len };
    let missing = Missing { values: vec![Number::Float(1e20)], ..Missing::default() };
    let question = Question {
        statistics: statistics.iter().map(|&statistic| statistic.into()).collect(),
        missing,
        ..Question::default()
    };
    let names = statistics.iter().map(|statistic| statistic.name().to_owned()).collect();
    VariableQuestion {
        dtype: DType::Float32,
        picks: vec![all(file.chunks.len()), all(file.len)],
        question,
        names,
        dims: Vec::new(),
        groups: None,
        weights: Weights::None,
    }
}

fn variables(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = Directory::new("bench-variable");
    let _entered = runtime.enter();
    let app = app(&directory);
    let mut group = c.benchmark_group("variable");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for (name, chunks, len) in [("16KiB", 2000, 4 << 10), ("1MiB", 64, 256 << 10), ("12MiB", 8, 3 << 20)] {
        let file = File::new(chunks, len);
        let path = directory.put(name, file.chunks.concat());
        group.throughput(Throughput::Bytes((chunks * len * 4) as u64));
        for (what, statistics) in [
            ("mean", &[Statistic::Mean][..]),
            ("median", &[Statistic::Median]),
            ("five", &[Statistic::Count, Statistic::Sum, Statistic::Min, Statistic::Max, Statistic::Var]),
        ] {
            group.bench_function(format!("{name}/{what}"), |b| {
                b.iter(|| {
                    let location = Location::File(FileLocation::from_url(&format!("file:///{name}")).expect("a URL"));
                    let endpoints = std::collections::BTreeMap::new();
                    let object = ObjectRequest { location, format: None, version: None, endpoints };
                    let caller = Caller { client: ClientId(1), authorization: None, payer: Payer::Owner };
                    let asking = Asking {
                        caller,
                        deadline: Instant::now() + Duration::from_secs(60),
                        body: None,
                        most_numbers: None,
                    };
                    let target = Target::Listed(Box::new(file.listed()));
                    let (progress, asked) = (Progress::default(), question(&file, statistics));
                    let answer = app.engine.reduce_of(object, target, |_| Ok(asked), asking, &progress);
                    runtime.block_on(answer).expect("an answer")
                });
            });
        }
        group.bench_function(format!("{name}/inflate"), |b| {
            let (mut inflate, mut room) = (Decompressor::new(), vec![0; len * 4]);
            b.iter(|| {
                let bytes = std::fs::read(&path).expect("the file");
                let mut at = 0;
                for chunk in &file.chunks {
                    inflate.zlib_decompress(&bytes[at..at + chunk.len()], &mut room).expect("zlib");
                    at += chunk.len();
                }
            });
        });
    }
}

criterion_group!(benches, variables);
criterion_main!(benches);
