//! Finding the client of a request among those that are kept, and making a new one.
#![allow(missing_docs, clippy::expect_used, clippy::pedantic, reason = "a bench")]

use std::{hint::black_box, num::NonZeroUsize, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use reductionist::{
    credentials::Credentials,
    source::{Addressing, PerStore, Prefixes, Roots, S3ClientMap, S3Location, S3Settings},
};

fn map(max_clients: usize) -> S3ClientMap {
    let settings = S3Settings {
        region: PerStore::new("us-east-1".into()),
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(20),
        max_clients: NonZeroUsize::new(max_clients).expect("not 0"),
        addressing: PerStore::new(Addressing::Path),
        own_credentials: Prefixes::default(),
    };
    S3ClientMap::new(&settings, &Roots::load(None).expect("the system's certificates"))
}

fn clients(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let location = S3Location::from_url("http://127.0.0.1:9000/bucket/key").expect("a URL");
    let users: Vec<_> = (0..64).map(|i| Credentials::new(format!("user-{i}"), "secret")).collect();
    let mut group = c.benchmark_group("s3_client_map");

    let kept = map(64);
    users.iter().for_each(|user| drop(kept.client(&location, Some(user))));
    let mut next = users.iter().cycle();
    group.bench_function("kept", |b| b.iter(|| black_box(kept.client(&location, next.next()))));

    // One place for 64 users: every request makes a client and drops another.
    let full = map(1);
    group.bench_function("made", |b| b.iter(|| black_box(full.client(&location, next.next()))));
}

criterion_group!(benches, clients);
criterion_main!(benches);
