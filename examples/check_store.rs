//! Checks that an S3 store keeps what the service relies on: uploads a few objects, has the service read them in every
//! way that there is, and prints a line per claim.
//!
//!     cargo run --release -p reductionist-examples --features sdk --example check_store -- \
//!         --url http://127.0.0.1:9000 --access-key KEY --secret-key SECRET
//!
//! It makes the buckets `private` and `public` if there are none, and leaves them there. Give it a store to play with.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "an example that stops at what it does not expect"
)]

use std::process::ExitCode;

use aws_sdk_s3::{
    Client as S3Client, Config,
    config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation},
    error::DisplayErrorContext,
};
use clap::Parser;
use support::{
    Client, PRIVATE_BUCKET, PUBLIC_BUCKET, Service,
    contract::{Contract, Interface, Place, objects},
};

/// Checks that an S3 store keeps what the service relies on
#[derive(Clone, Parser)]
struct Args {
    /// What to call the store
    #[arg(long, default_value = "the store")]
    name: String,
    /// Its URL
    #[arg(long)]
    url: String,
    #[arg(long)]
    access_key: String,
    #[arg(long)]
    secret_key: String,
    /// Where the service puts the bucket's name: path or virtual
    #[arg(long, default_value = "path")]
    addressing: String,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome<ExitCode> {
    let args = Args::parse();
    let store = client(&args);
    let place = prepare(&store, &args).await?;
    let yes_no = |is_so| if is_so { "yes" } else { "no" };
    println!(
        "{}: public objects: {}; keys with // in them: {}",
        args.name,
        yes_no(place.public.is_some()),
        yes_no(place.keeps_slashes)
    );
    let mut broken = 0;
    for interface in [Interface::S3V1, Interface::S3] {
        let place = Place { interface, ..place.clone() };
        let service = Service::start(&["--s3-addressing", &args.addressing]).await;
        let contract = Contract { place, service, client: Client::default() };
        for (claim, verdict) in contract.try_all().await {
            let claim = claim.replace('_', " ");
            match verdict {
                Ok(()) => println!("ok      {interface:?}: {claim}"),
                Err(why) => {
                    broken += 1;
                    println!("BROKEN  {interface:?}: {claim}\n        {why}");
                }
            }
        }
    }
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn client(args: &Args) -> S3Client {
    let http_client = aws_smithy_http_client::Builder::new().build_http();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&args.url)
        .credentials_provider(Credentials::new(&args.access_key, &args.secret_key, None, None, "the command line"))
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .http_client(http_client);
    S3Client::from_conf(config.build())
}

/// Fills the store, and finds out what it can do.
async fn prepare(store: &S3Client, args: &Args) -> Outcome<Place> {
    for bucket in [PRIVATE_BUCKET, PUBLIC_BUCKET] {
        // It may be there already; if it cannot be made, no object can be put into it.
        drop(store.create_bucket().bucket(bucket).send().await);
        for (key, _) in objects(false) {
            put(store, bucket, key).await?;
        }
    }
    let mut keeps_slashes = true;
    for (key, _) in &objects(true)[objects(false).len()..] {
        keeps_slashes &= put(store, PRIVATE_BUCKET, key).await.is_ok();
    }
    let public = is_public(store, args).await?.then_some(PUBLIC_BUCKET);
    let credentials = (args.access_key.clone(), args.secret_key.clone());
    let private = Some(PRIVATE_BUCKET);
    Ok(Place { interface: Interface::S3, url: args.url.clone(), private, public, credentials, keeps_slashes })
}

async fn put(store: &S3Client, bucket: &str, key: &str) -> Outcome<()> {
    let (_, body) = objects(true).into_iter().find(|(name, _)| *name == key).expect("one of the objects");
    let put = store.put_object().bucket(bucket).key(key).body(body.into()).send().await;
    put.map(drop).map_err(|error| format!("cannot put {key:?} into {bucket}: {}", DisplayErrorContext(&error)).into())
}

/// Lets everybody read the public bucket, if the store knows how.
async fn is_public(store: &S3Client, args: &Args) -> Outcome<bool> {
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": format!("arn:aws:s3:::{PUBLIC_BUCKET}/*"),
        }],
    });
    drop(store.put_bucket_policy().bucket(PUBLIC_BUCKET).policy(policy.to_string()).send().await);
    Ok(Client::default().get(&format!("{}/{PUBLIC_BUCKET}/ten", args.url)).await.status == 200)
}
