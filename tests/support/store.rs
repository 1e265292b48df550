//! An S3 endpoint inside the process: `s3s` speaks the protocol (SigV4, XML, routing), a map in
//! memory holds the objects.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::crypto::{Checksum, Md5};
use s3s::dto;
use s3s::service::S3ServiceBuilder;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

type Answer<T> = S3Result<S3Response<T>>;

/// Serves `store` on `listener`, path-style, until the future is dropped; that also closes the
/// connections that are still open.
pub async fn serve(listener: TcpListener, store: Store) {
    let mut service = S3ServiceBuilder::new(store.clone());
    service.set_auth(store.clone());
    service.set_access(store);
    let service = service.build();

    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, as a rule: some are free again once connections end.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Without it a response may wait for the client's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        connections.spawn(async move {
            // A connection that breaks is the client's affair.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Buckets and objects in memory, and the one pair of keys that opens them. Clones share them.
#[derive(Clone)]
pub struct Store {
    access_key: String,
    secret_key: SecretKey,
    buckets: Arc<RwLock<BTreeMap<String, Bucket>>>,
}

#[derive(Default)]
struct Bucket {
    public: bool,
    objects: BTreeMap<String, Object>,
}

#[derive(Clone)]
struct Object {
    body: Bytes,
    e_tag: dto::ETag,
    last_modified: dto::Timestamp,
}

impl Object {
    fn new(body: Bytes) -> Self {
        let md5 = u128::from_be_bytes(Md5::checksum(&body));
        Self { body, e_tag: dto::ETag::Strong(format!("{md5:032x}")), last_modified: SystemTime::now().into() }
    }

    fn size(&self) -> i64 {
        self.body.len() as i64
    }
}

impl Store {
    /// An empty store whose requests have to be signed with these keys.
    pub fn new(access_key: &str, secret_key: &str) -> Self {
        Self { access_key: access_key.to_owned(), secret_key: secret_key.into(), buckets: Arc::default() }
    }

    /// Stores an object, in place of one with the same key; creates the bucket if need be.
    ///
    /// Clients reach only buckets whose name follows the rules of S3: 3 to 63 of `a-z0-9.-`.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) {
        let object = Object::new(body.into());
        self.edit(bucket, |bucket| bucket.objects.insert(key.to_owned(), object));
    }

    /// Lets everybody read the bucket and its objects without a signature; creates it if need be.
    pub fn make_public(&self, bucket: &str) {
        self.edit(bucket, |bucket| bucket.public = true);
    }

    /// Changes a bucket, which comes into being if there is none of that name.
    fn edit<T>(&self, name: &str, change: impl FnOnce(&mut Bucket) -> T) -> T {
        change(self.buckets.write().unwrap().entry(name.to_owned()).or_default())
    }

    /// Reads a bucket.
    fn bucket<T>(&self, name: &str, read: impl FnOnce(&Bucket) -> S3Result<T>) -> S3Result<T> {
        match self.buckets.read().unwrap().get(name) {
            Some(bucket) => read(bucket),
            None => Err(s3_error!(NoSuchBucket, "The specified bucket does not exist")),
        }
    }

    fn object(&self, bucket: &str, key: &str) -> S3Result<Object> {
        let no_key = || s3_error!(NoSuchKey, "The specified key does not exist");
        self.bucket(bucket, |bucket| bucket.objects.get(key).cloned().ok_or_else(no_key))
    }
}

#[async_trait::async_trait]
impl S3Auth for Store {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            Ok(self.secret_key.clone())
        } else {
            Err(s3_error!(InvalidAccessKeyId, "The access key ID does not exist"))
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Store {
    /// Whoever signed may do everything, the others may read what is public.
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let reads = ["GetObject", "HeadObject", "HeadBucket", "ListObjectsV2"].contains(&request.s3_op().name());
        let public = |name| self.bucket(name, |bucket| Ok(bucket.public)).unwrap_or(false);
        let allowed =
            request.credentials().is_some() || reads && request.s3_path().get_bucket_name().is_some_and(public);
        if allowed { Ok(()) } else { Err(s3_error!(AccessDenied, "Access Denied")) }
    }
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn get_object(&self, request: S3Request<dto::GetObjectInput>) -> Answer<dto::GetObjectOutput> {
        let object = self.object(&request.input.bucket, &request.input.key)?;
        let (body, content_range) = match request.input.range {
            None => (object.body, None),
            Some(range) => slice(&object.body, range)?,
        };
        Ok(S3Response::new(dto::GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(body.len() as i64),
            content_range,
            content_type: Some("binary/octet-stream".to_owned()),
            e_tag: Some(object.e_tag),
            last_modified: Some(object.last_modified),
            // One `Bytes`, which hyper writes to the socket as it is.
            body: Some(Body::from(body).into()),
            ..Default::default()
        }))
    }

    async fn head_object(&self, request: S3Request<dto::HeadObjectInput>) -> Answer<dto::HeadObjectOutput> {
        let object = self.object(&request.input.bucket, &request.input.key)?;
        Ok(S3Response::new(dto::HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(object.size()),
            content_type: Some("binary/octet-stream".to_owned()),
            e_tag: Some(object.e_tag),
            last_modified: Some(object.last_modified),
            ..Default::default()
        }))
    }

    async fn put_object(&self, request: S3Request<dto::PutObjectInput>) -> Answer<dto::PutObjectOutput> {
        let dto::PutObjectInput { bucket, key, body, .. } = request.input;
        self.bucket(&bucket, |_| Ok(()))?;
        // An upload that ends early or does not match its checksum.
        let broken = |error| s3_error!(InvalidRequest, "cannot read the body: {error}");
        let body = match body {
            None => Bytes::new(),
            Some(body) => Body::from(body).store_all_limited(usize::MAX).await.map_err(broken)?,
        };
        let object = Object::new(body);
        let e_tag = object.e_tag.clone();
        self.edit(&bucket, |bucket| bucket.objects.insert(key, object));
        Ok(S3Response::new(dto::PutObjectOutput { e_tag: Some(e_tag), ..Default::default() }))
    }

    async fn create_bucket(&self, request: S3Request<dto::CreateBucketInput>) -> Answer<dto::CreateBucketOutput> {
        self.edit(&request.input.bucket, |_| ());
        let location = Some(format!("/{}", request.input.bucket));
        Ok(S3Response::new(dto::CreateBucketOutput { location }))
    }

    async fn head_bucket(&self, request: S3Request<dto::HeadBucketInput>) -> Answer<dto::HeadBucketOutput> {
        self.bucket(&request.input.bucket, |_| Ok(S3Response::new(dto::HeadBucketOutput::default())))
    }

    async fn list_objects_v2(&self, request: S3Request<dto::ListObjectsV2Input>) -> Answer<dto::ListObjectsV2Output> {
        let input = request.input;
        self.bucket(&input.bucket.clone(), |bucket| Ok(S3Response::new(list(bucket, input))))
    }
}

/// The part of `body` that the client asks for and its `Content-Range`.
fn slice(body: &Bytes, range: dto::Range) -> S3Result<(Bytes, Option<String>)> {
    let size = body.len();
    let range = range.check(size as u64).ok().filter(|range| !range.is_empty());
    let range = range.ok_or_else(|| s3_error!(InvalidRange, "The requested range is not satisfiable"))?;
    // Within the body, hence within `usize`.
    let (start, end) = (range.start as usize, range.end as usize);
    Ok((body.slice(start..end), Some(format!("bytes {start}-{}/{size}", end - 1))))
}

/// Everything the listing comprises, on one page whatever its `max-keys`.
fn list(bucket: &Bucket, input: dto::ListObjectsV2Input) -> dto::ListObjectsV2Output {
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
    let after = input.start_after.unwrap_or_default();

    let mut contents = Vec::new();
    let mut folders = BTreeSet::new();
    let keys = bucket.objects.range::<str, _>((Bound::Excluded(after.as_str()), Bound::Unbounded));
    for (key, object) in keys {
        let Some(rest) = key.strip_prefix(&prefix) else { continue };
        match delimiter.as_ref().and_then(|delimiter| rest.split_once(delimiter)) {
            Some((folder, _)) => {
                folders.insert(folder);
            }
            None => contents.push(dto::Object {
                key: Some(key.clone()),
                size: Some(object.size()),
                e_tag: Some(object.e_tag.clone()),
                last_modified: Some(object.last_modified.clone()),
                ..Default::default()
            }),
        }
    }

    let slash = delimiter.as_deref().unwrap_or_default();
    let common = |folder| dto::CommonPrefix { prefix: Some(format!("{prefix}{folder}{slash}")) };
    dto::ListObjectsV2Output {
        name: Some(input.bucket),
        key_count: Some((contents.len() + folders.len()) as i32),
        is_truncated: Some(false),
        common_prefixes: Some(folders.into_iter().map(common).collect()),
        contents: Some(contents),
        prefix: Some(prefix),
        delimiter,
        ..Default::default()
    }
}
