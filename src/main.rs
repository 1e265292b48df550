//! Reads the configuration, starts the service, and stops it on a signal.

use std::{process::ExitCode, thread};

use clap::Parser;
use mimalloc::MiMalloc;
use reductionist::{
    app::App,
    config::{self, Args, Config},
    http::{self, EventLoops, Tls},
    telemetry,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Buffers of sockets and heads come and go on every event loop: the system's allocator gives their pages back and fetches
/// them again.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => return stopped(&first_line(&error.to_string())),
    };
    telemetry::start_logs();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => stopped(&error.to_string()),
    }
}

/// One line says why the service does not run.
fn stopped(reason: &str) -> ExitCode {
    eprintln!("reductionist: {reason}");
    ExitCode::FAILURE
}

/// Of what clap says of a setting, the part before its hints, on one line.
fn first_line(message: &str) -> String {
    let paragraph = message.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = paragraph.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ")
}

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn run(args: Args) -> Outcome {
    // Accepts connections, and has the threads that work on long reductions.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(args));
    // Work on CPU threads that nobody waits for any more does not delay the end.
    runtime.shutdown_background();
    outcome
}

async fn serve(args: Args) -> Outcome {
    let config = Config::from_args(args)?;
    let tls = config.listen.tls.as_ref().map(|(cert, key)| Tls::from_files(cert, key)).transpose()?;
    // Before anybody can see that it runs, and tell it to stop.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let addresses = config.listen.addresses().await?;
    let listener = TcpListener::bind(addresses.as_slice())
        .await
        .map_err(|error| format!("cannot listen on {}:{}: {error}", config.listen.host, config.listen.port))?;
    let app = App::new(&config)?;
    for variable in config::variables_without_effect() {
        tracing::warn!(variable, "this setting has no effect in this version");
    }
    if app.policy.is_open() {
        tracing::warn!("clients may name any source that this machine can reach; --allow-source sets bounds");
    }
    let shutdown = async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: no new connections, requests in flight are finished");
    };
    tracing::info!(address = %listener.local_addr()?, https = tls.is_some(), "listening");
    let event_loops = EventLoops::start(&app, thread::available_parallelism()?)?;
    http::serve(listener, event_loops, tls, shutdown, config.listen.shutdown_timeout).await;
    Ok(())
}
