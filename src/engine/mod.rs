//! The story of a request: plan → admit → fetch → decode → fold → finish. Merging comes between the last two where an array has
//! several chunks; a chunk route asks about one of a single chunk.
//!
//! A checked [`Request`] comes in, what a [`Reply`] makes of its result goes out.

mod error;
mod operate;
mod plan;
mod result;
mod select;
pub mod variable;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{Instrument, field::Empty};

use crate::{
    codec::CodecError,
    credentials::Caller,
    error::ActiveStorageError,
    index::ChunkRef,
    request::Request,
    resources::{AnswerPermit, BodyPermit, Budget, Buffer, Cpu, ResourceManager, Waiting},
    source::{Fetched, Read, Source, Sources, Version},
    telemetry::{ChunkMetrics, Metrics, Queueing, Stage, attribute},
};

pub use error::OperationError;
pub use plan::{Plan, SizeLimits};
pub use result::{CountsShape, OperationResult};
pub use variable::VariableSettings;

/// Time to say what a request waited for in vain.
const MARGIN: Duration = Duration::from_millis(50);

/// What answers questions: made of what all requests share.
#[derive(Clone, Debug)]
pub struct Engine {
    /// The semaphores.
    pub resources: Arc<ResourceManager>,
    /// Where CPU-bound work runs.
    pub cpu: Cpu,
    /// Where chunks are read from.
    pub sources: Sources,
    /// The largest chunks.
    pub size_limits: SizeLimits,
    /// How whole variables are read.
    pub variables: Arc<VariableSettings>,
    /// Counters for operators.
    pub metrics: Metrics,
}

/// What becomes of a result.
pub trait Reply: Send + 'static {
    /// The result in the form in which it is sent.
    type Answer: Send + 'static;

    /// Memory units that a result with these counts takes to be written, beside its values and counts.
    ///
    /// # Errors
    /// If it cannot be written in this form at all.
    fn units(&self, counts: &CountsShape) -> Result<usize, ActiveStorageError>;

    /// Writes a result of an object of this version.
    ///
    /// # Errors
    /// If the result is longer than the form allows, or there is no memory to write it.
    fn write(
        &self,
        result: OperationResult,
        version: Option<&Version>,
        budget: &mut Budget,
    ) -> Result<Self::Answer, ActiveStorageError>;

    /// Length of an answer in bytes, if it is known.
    fn len(answer: &Self::Answer) -> Option<usize>;

    /// Has the bytes of a long answer hold the permit.
    fn held(answer: Self::Answer, permit: AnswerPermit) -> Self::Answer;
}

/// Who asks, and for how long.
#[derive(Debug)]
pub struct Asking {
    /// The client.
    pub caller: Caller,
    /// When the client will no longer wait.
    pub deadline: Instant,
    /// What stands for the request until it is admitted, if it is long.
    pub body: Option<BodyPermit>,
    /// Most numbers of an answer in the form that the client wants, where that is bounded.
    pub most_numbers: Option<usize>,
}

/// A request that has been admitted.
struct Admitted {
    answer: AnswerPermit,
    budget: Budget,
    /// Work for the request is cancelled when this is dropped.
    _waiting: Waiting,
}

/// An encoded chunk, and what is known of where it comes from.
struct Encoded {
    bytes: Buffer,
    version: Option<Version>,
    /// None if the chunk was never written.
    meter: Option<ChunkMetrics>,
}

impl Engine {
    /// Answers a request.
    ///
    /// # Errors
    /// Whatever keeps it from a result.
    pub async fn answer<R: Reply>(
        &self,
        request: Request,
        reply: R,
        asking: Asking,
    ) -> Result<R::Answer, ActiveStorageError> {
        let Asking { caller, deadline, body, .. } = asking;
        let plan = Plan::new(request, |counts| reply.units(counts), self.size_limits)?;
        let mut queueing = self.metrics.queueing();
        let mut admitted = self.admit(&plan, &caller).await?;
        drop(body);
        queueing.pause();
        let encoded = self.encoded(&plan, &caller, deadline, &mut admitted.budget).await?;
        let len = encoded.bytes.bytes().len();
        let effort = plan.effort(len);
        admitted.budget.shrink_around(&encoded.bytes, plan.peak_units(len));
        queueing.resume();
        let Admitted { answer, budget, _waiting } = admitted;
        let metrics = self.metrics.clone();
        let work = move || reduced(&metrics, &plan, encoded, &reply, answer, budget, queueing);
        self.cpu.run(caller.client, effort, work).await?
    }

    /// Waits until there is room for the request. For its answer first: who has memory must not wait for clients.
    async fn admit(&self, plan: &Plan, caller: &Caller) -> Result<Admitted, ActiveStorageError> {
        let answer = self.resources.answer(caller.client, plan.answer_units).await?;
        let mut budget = self.resources.memory(caller.client, plan.peak_units(plan.max_encoded_len)).await?;
        let waiting = budget.waiting();
        Ok(Admitted { answer, budget, _waiting: waiting })
    }

    /// The bytes to decode: those of the store, or room for a chunk that was never written.
    async fn encoded(
        &self,
        plan: &Plan,
        caller: &Caller,
        deadline: Instant,
        budget: &mut Budget,
    ) -> Result<Encoded, ActiveStorageError> {
        if plan.chunk.fill_value.is_some() {
            let bytes = budget.allocate(plan.max_encoded_len).map_err(CodecError::from)?;
            return Ok(Encoded { bytes, version: None, meter: None });
        }
        let Fetched { bytes, version, .. } = self.fetch(plan, caller, deadline, budget).await?;
        let bytes = bytes.into_buffer(budget).map_err(CodecError::from)?;
        let meter = self.metrics.chunk(plan.chunk.location.interface(), plan.chunk.encoding.pipeline.compression());
        meter.fetched(bytes.bytes().len());
        Ok(Encoded { bytes, version, meter: Some(meter) })
    }

    async fn fetch(
        &self,
        plan: &Plan,
        caller: &Caller,
        deadline: Instant,
        budget: &mut Budget,
    ) -> Result<Fetched, ActiveStorageError> {
        let _timer = self.metrics.timer(Stage::Fetch);
        let chunk = &plan.chunk;
        // What waits for a store is told so before the request is told that its time is over.
        let deadline = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let ChunkRef { location, range, version, .. } = chunk;
        let max_len = plan.max_encoded_len;
        let read = Read { location, range: *range, max_len, version: version.as_ref(), caller, deadline };
        let span = tracing::debug_span!(
            "download",
            otel.kind = "client",
            server.address = chunk.location.server(),
            bytes = Empty,
        );
        let fetch = self.sources.fetch(&read, budget).instrument(span.clone());
        let fetched = fetch.await.map_err(|error| plan.explain(error))?;
        span.record("bytes", attribute(fetched.bytes.len()));
        Ok(fetched)
    }
}

/// What a CPU thread does: the encoded chunk in, the answer out.
fn reduced<R: Reply>(
    metrics: &Metrics,
    plan: &Plan,
    encoded: Encoded,
    reply: &R,
    permit: AnswerPermit,
    mut budget: Budget,
    queueing: Queueing,
) -> Result<R::Answer, ActiveStorageError> {
    drop(queueing);
    let Encoded { mut bytes, version, meter } = encoded;
    if let Some(fill_value) = plan.chunk.fill_value {
        plan.fill(&mut bytes, fill_value, &budget)?;
    }
    let chunk = decode(metrics, plan, bytes, &mut budget)?;
    let decoded_len = chunk.bytes().len();
    let result = operate(metrics, plan, chunk, &mut budget)?;
    let answer = write(metrics, reply, result, version.as_ref(), &mut budget)?;
    if let Some(meter) = meter {
        meter.answered(decoded_len, R::len(&answer).unwrap_or_default());
    }
    Ok(R::held(answer, permit))
}

fn decode(metrics: &Metrics, plan: &Plan, encoded: Buffer, budget: &mut Budget) -> Result<Buffer, CodecError> {
    let _timer = (!plan.chunk.encoding.pipeline.is_empty()).then(|| metrics.timer(Stage::Decode));
    plan.decode(encoded, budget)
}

fn operate(
    metrics: &Metrics,
    plan: &Plan,
    chunk: Buffer,
    budget: &mut Budget,
) -> Result<OperationResult, OperationError> {
    let _timer = metrics.timer(Stage::Reduce);
    let _span = tracing::debug_span!(
        "operation",
        operation = plan.operation.name(),
        dtype = plan.chunk.encoding.dtype.name(),
        bytes = attribute(chunk.bytes().len())
    )
    .entered();
    plan.operate(chunk, budget)
}

fn write<R: Reply>(
    metrics: &Metrics,
    reply: &R,
    result: OperationResult,
    version: Option<&Version>,
    budget: &mut Budget,
) -> Result<R::Answer, ActiveStorageError> {
    let _timer = metrics.timer(Stage::Encode);
    let span = tracing::debug_span!("reply", bytes = Empty).entered();
    let answer = reply.write(result, version, budget)?;
    span.record("bytes", R::len(&answer).map(attribute));
    Ok(answer)
}
