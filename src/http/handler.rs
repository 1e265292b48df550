//! The story of a request.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{Request as HttpRequest, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, field::Empty};

use crate::{
    admission::ClientId,
    app::App,
    array::{Budget, Buffer},
    codec::{CodecError, FilterPipeline},
    cpu::Effort,
    credentials::Caller,
    error::ActiveStorageError,
    operation::{Operation, OperationResult, Task},
    plan::Plan,
    request::{Dialect, ReplyForm, Request},
    resource_manager::BodyPermit,
    source::{Fetched, Read, Source},
    telemetry::{Metrics, Stage, attribute},
};

use super::{
    extract::{FromCaller, JsonBody},
    reply,
};

pub(super) type Shared = Arc<App>;

/// Answers one request for operation `O` in one dialect.
pub(super) async fn operation_handler<O: Operation>(
    dialect: Dialect,
    State(app): State<Shared>,
    FromCaller(caller): FromCaller,
    request: HttpRequest,
) -> Result<Response, ActiveStorageError> {
    let _in_flight = app.metrics.in_flight();
    let JsonBody { bytes, permit } = JsonBody::read(request, &app, caller.client).await?;
    let deadline = Instant::now() + app.request_timeout;
    let answer = async {
        let request = parse::<O>(&app, dialect, bytes, caller.client).await?;
        app.policy.check(&request.location)?;
        tracing::Span::current()
            .record("dtype", request.task.dtype.name())
            .record("interface", request.location.interface());
        execute::<O>(&app, request, permit, caller, deadline).await
    };
    let answer = timeout_at(deadline, answer);
    answer.await.map_err(|_| ActiveStorageError::DeadlineExceeded(app.request_timeout))?
}

/// Time to say what a request waited for in vain.
const MARGIN: Duration = Duration::from_millis(50);

/// A longer body, in bytes, takes so long to be read that others would notice.
const SHORT_TEXT: usize = 16 << 10;

/// What a body asks for.
async fn parse<O: Operation>(
    app: &App,
    dialect: Dialect,
    body: Bytes,
    client: ClientId,
) -> Result<Request, ActiveStorageError> {
    let effort = if body.len() <= SHORT_TEXT { Effort::Short } else { Effort::Long };
    let defaults = app.defaults;
    let parsed = app.cpu.run(client, effort, move || Request::from_json(&body, dialect, O::TRAITS, defaults));
    Ok(parsed.await??)
}

/// Reads, decodes and reduces the chunk, and writes the answer. The permit of the body stands for the request until it is
/// admitted.
async fn execute<O: Operation>(
    app: &App,
    request: Request,
    body: Option<BodyPermit>,
    caller: Caller,
    deadline: Instant,
) -> Result<Response, ActiveStorageError> {
    let reply_units = reply::memory_units(request.reply, &O::outline(&request.task))?;
    let plan = Plan::of::<O>(&request, reply_units, app.size_limits)?;
    let mut queueing = app.metrics.queueing();
    let permit = app.resources.answer(caller.client, plan.answer_units).await?;
    let units = plan.memory_units(&request.pipeline, plan.max_encoded_len);
    let mut budget = app.resources.memory(caller.client, units).await?;
    drop(body);
    let _waiting = budget.waiting();
    queueing.pause();
    let (mut encoded, version, meter) = if request.fill_value.is_some() {
        (budget.allocate(plan.max_encoded_len).map_err(CodecError::from)?, None, None)
    } else {
        let Fetched { bytes, version } = fetch(app, &request, &plan, &caller, deadline, &mut budget).await?;
        let meter = app.metrics.chunk(request.location.interface(), request.pipeline.compression());
        meter.fetched(bytes.len());
        (bytes.into_buffer(&mut budget).map_err(CodecError::from)?, version, Some(meter))
    };
    let effort = plan.effort(&request, encoded.bytes().len());
    budget.shrink_around(&encoded, plan.memory_units(&request.pipeline, encoded.bytes().len()));
    queueing.resume();
    let metrics = app.metrics.clone();
    app.cpu
        .run(caller.client, effort, move || {
            drop(queueing);
            if let Some(fill_value) = request.fill_value {
                request.task.fill(&mut encoded, fill_value, &budget)?;
            }
            let chunk = decode(&metrics, &request.pipeline, encoded, &plan, &mut budget)?;
            let decoded_len = chunk.bytes().len();
            let result = operate::<O>(&metrics, &request.task, chunk, &mut budget)?;
            let mut response = write(&metrics, request.reply, result, &mut budget)?;
            reply::set_version(&mut response, version.as_ref());
            if let Some(meter) = meter {
                meter.answered(decoded_len, reply::len(&response).unwrap_or_default());
            }
            Ok(reply::held(response, permit))
        })
        .await?
}

/// The encoded chunk, and the version of the object that it is of.
async fn fetch(
    app: &App,
    request: &Request,
    plan: &Plan,
    caller: &Caller,
    deadline: Instant,
    budget: &mut Budget,
) -> Result<Fetched, ActiveStorageError> {
    let _timer = app.metrics.timer(Stage::Fetch);
    let Request { location, range, version, .. } = request;
    // What waits for a store is told so before the request is told that its time is over.
    let deadline = deadline.checked_sub(MARGIN).unwrap_or(deadline);
    let (max_len, version) = (plan.max_encoded_len, version.as_ref());
    let read = Read { location, range: *range, max_len, version, caller, deadline };
    let fetch = app.sources.fetch(&read, budget);
    let span = tracing::debug_span!(
        "download",
        otel.kind = "client",
        server.address = request.location.server(),
        bytes = Empty,
    );
    let fetched = fetch.instrument(span.clone()).await.map_err(|error| plan.explain(error))?;
    span.record("bytes", attribute(fetched.bytes.len()));
    Ok(fetched)
}

/// The chunk without its codecs, if there are any.
fn decode(
    metrics: &Metrics,
    pipeline: &FilterPipeline,
    encoded: Buffer,
    plan: &Plan,
    budget: &mut Budget,
) -> Result<Buffer, CodecError> {
    let _timer = (!pipeline.is_empty()).then(|| metrics.timer(Stage::Decode));
    pipeline.decode(encoded, plan.decoded_len, plan.decoded_limit, budget)
}

/// What the operation makes of the decoded chunk.
fn operate<O: Operation>(
    metrics: &Metrics,
    task: &Task,
    chunk: Buffer,
    budget: &mut Budget,
) -> Result<OperationResult, ActiveStorageError> {
    let _timer = metrics.timer(Stage::Reduce);
    let _span = tracing::debug_span!(
        "operation",
        operation = O::NAME,
        dtype = task.dtype.name(),
        bytes = attribute(chunk.bytes().len())
    )
    .entered();
    Ok(O::run(task, chunk, budget)?)
}

/// The answer that holds the result.
fn write(
    metrics: &Metrics,
    form: ReplyForm,
    result: OperationResult,
    budget: &mut Budget,
) -> Result<Response, ActiveStorageError> {
    let _timer = metrics.timer(Stage::Encode);
    let span = tracing::debug_span!("reply", bytes = Empty).entered();
    let response = reply::encode(form, result, budget)?;
    span.record("bytes", reply::len(&response).map(attribute));
    Ok(response)
}

/// The Prometheus page.
pub(super) async fn metrics(State(app): State<Shared>) -> Response {
    match app.metrics.text(app.resources.usages(), app.sources.now()) {
        Ok(text) => ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

pub(super) async fn not_found() -> ActiveStorageError {
    ActiveStorageError::NotFound
}

pub(super) async fn method_not_allowed(request: HttpRequest) -> ActiveStorageError {
    ActiveStorageError::MethodNotAllowed { method: request.method().as_str().chars().take(20).collect() }
}
