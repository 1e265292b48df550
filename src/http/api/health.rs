//! For those who decide where requests go.

use axum::extract::State;

use crate::app::Shared;
use crate::error::ActiveStorageError;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// It takes requests: it is not told to stop, and there is room in the queue.
pub(super) async fn ready(State(app): State<Shared>) -> Result<&'static str, ActiveStorageError> {
    if app.is_stopping() {
        return Err(ActiveStorageError::Stopping);
    }
    app.engine.resources.check_queue()?;
    Ok("ready\n")
}
