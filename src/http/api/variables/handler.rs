//! The story of a question about a variable.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Request as HttpRequest, State},
    response::Response,
};
use tokio::time::Instant;

use super::{
    ask::Ask,
    watch::{Patience, watched},
};
use crate::{
    app::{App, Shared},
    engine::{
        Asking,
        variable::{Described, Progress},
    },
    error::ActiveStorageError,
    http::api::{
        extract::{BodyLimit, FromCaller, RequestBody},
        handler::SHORT_TEXT,
        reply::variables::{AnswerForm, Listing, Shape, Written, describe, sequence},
    },
    request::{
        BodyForm,
        variable::{DescribeRequest, VariableRequest},
    },
    resources::{ClientId, Effort, memory_units},
};

/// What a body asks for.
enum Asked {
    Describe(Box<DescribeRequest>),
    Reduce(Box<VariableRequest>),
    Select(Box<VariableRequest>),
}

/// Answers one request.
pub(super) async fn handle(
    ask: Ask,
    State(app): State<Shared>,
    FromCaller(caller): FromCaller,
    request: HttpRequest,
) -> Result<Response, ActiveStorageError> {
    let in_flight = app.engine.metrics.in_flight();
    let client = caller.client;
    let form = AnswerForm::accepted(request.headers());
    let limit = BodyLimit { len: app.max_variable_body_size, setting: "--max-variable-body-size", growth: 6 };
    let (body_form, RequestBody { bytes, permit }) = RequestBody::of_either_form(request, &app, client, limit).await?;
    let asked = parse(&app, ask, bytes, body_form, client).await?;
    let patience = Patience { whole: app.variable_timeout, standstill: app.request_timeout };
    let deadline = Instant::now() + patience.whole;
    let asking = Asking { caller, deadline, body: permit, most_numbers: form.most_numbers() };
    let progress = Arc::<Progress>::default();
    let told = Arc::clone(&progress);
    let work = Box::pin(async move {
        let _in_flight = in_flight;
        let answer = answer(&app, asked, asking, form, &progress);
        watched(answer, &progress, patience, deadline).await
    });
    match form {
        AnswerForm::Sequence => sequence(work, told).await,
        AnswerForm::Cbor | AnswerForm::Json => work.await.map(|written| written.into_response(form)),
    }
}

/// What a body asks for, of places that the operator allows.
async fn parse(
    app: &Shared,
    ask: Ask,
    body: Bytes,
    form: BodyForm,
    client: ClientId,
) -> Result<Asked, ActiveStorageError> {
    let effort = if body.len() <= SHORT_TEXT { Effort::Short } else { Effort::Long };
    let shared = Arc::clone(app);
    let parse = move || {
        let asked = match ask {
            Ask::Describe => Asked::Describe(Box::new(DescribeRequest::parse(&body, form)?)),
            Ask::Reduce => Asked::Reduce(Box::new(VariableRequest::parse_reduce(&body, form)?)),
            Ask::Select => Asked::Select(Box::new(VariableRequest::parse_select(&body, form)?)),
        };
        match &asked {
            Asked::Describe(request) => shared.policy.check(&request.object.location)?,
            Asked::Reduce(request) | Asked::Select(request) => {
                request.locations().try_for_each(|location| shared.policy.check(location))?;
            }
        }
        Ok(asked)
    };
    app.engine.cpu.run(client, effort, parse).await?
}

async fn answer(
    app: &App,
    asked: Asked,
    asking: Asking,
    form: AnswerForm,
    progress: &Progress,
) -> Result<Written, ActiveStorageError> {
    let client = asking.caller.client;
    let (mut answer, shape) = match asked {
        Asked::Describe(request) => {
            let listing = if request.chunks { Listing::EachChunk } else { Listing::Totals };
            let described = app.variables.describe(*request, asking, progress).await?;
            return write_description(app, client, described, listing, form).await;
        }
        Asked::Reduce(request) => (app.variables.reduce_variable(*request, asking, progress).await?, Shape::Results),
        Asked::Select(request) => (app.variables.select_variable(*request, asking, progress).await?, Shape::Elements),
    };
    let effort = if form == AnswerForm::Json { Effort::Long } else { Effort::Short };
    let permit = answer.permit.take();
    let written = app.engine.cpu.run(client, effort, move || Written::answer(answer, shape, form)).await??;
    Ok(match permit {
        Some(permit) => written.held(permit),
        None => written,
    })
}

/// Writes a description once there is room for it.
async fn write_description(
    app: &App,
    client: ClientId,
    described: Described,
    listing: Listing,
    form: AnswerForm,
) -> Result<Written, ActiveStorageError> {
    let described = Arc::new(described);
    let measured = Arc::clone(&described);
    let measure = move || describe(&measured, listing, form).map(|description| description.len());
    let len = app.engine.cpu.run(client, Effort::Long, measure).await??;
    let permit = app.engine.resources.answer(client, memory_units(len)).await?;
    let write = move || {
        let bytes = describe(&described, listing, form)?.write()?;
        Ok(Written::whole(bytes, described.version.clone()).held(permit))
    };
    app.engine.cpu.run(client, Effort::Long, write).await?
}
