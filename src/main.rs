//! Reads the configuration, starts the service, and stops it on a signal.

use std::{
    io::{Write, stderr},
    net::SocketAddr,
    pin::Pin,
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use mimalloc::MiMalloc;
use reductionist::{
    app::App,
    config::{self, Args, Config, Listen, OpenFiles},
    http::{self, EventLoops, ServeOptions, Tls},
    source::Roots,
    telemetry::Telemetry,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    task::JoinSet,
};

/// Buffers of sockets and heads come and go on every event loop: the system's allocator gives their pages back and fetches
/// them again.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let args = match Args::of_process() {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => return stopped(&first_line(&error.to_string())),
    };
    let outcome = config::told_of_environment()
        .and_then(|told| Ok((told, Config::from_args(args)?)))
        .map_err(Into::into)
        .and_then(|(told, config)| run(&config, &told));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => stopped(&error.to_string()),
    }
}

/// One line says why the service does not run.
fn stopped(reason: &str) -> ExitCode {
    // Nobody may be there to read it.
    drop(writeln!(stderr(), "reductionist: {reason}"));
    ExitCode::FAILURE
}

/// Of what clap says of a setting, the part before its hints, on one line.
fn first_line(message: &str) -> String {
    let paragraph = message.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = paragraph.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ")
}

/// Longest time for the last traces to be sent.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// Connections of operators at one time, where they have a listener of their own.
const OPERATORS: usize = 64;

/// Longest time for one of them to ask: they are near, and none should keep the others waiting.
const OPERATORS_TIMEOUT: Duration = Duration::from_secs(1);

type Error = Box<dyn std::error::Error + Send + Sync>;

type Outcome = Result<(), Error>;

fn run(config: &Config, told: &[String]) -> Outcome {
    // Accepts connections, and has the threads that work on long reductions.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        if config.check_health {
            return Ok(http::check_health(&config.listen).await?);
        }
        // Before anybody can see that it runs, and tell it to stop.
        let mut signals = Signals::new()?;
        let roots = Roots::load(config.ca_bundle.as_deref()).map_err(|error| format!("--ca-bundle: {error}"))?;
        let telemetry = Telemetry::start(&config.telemetry, roots.client_config()?)?;
        for text in told.iter().chain(&config.told) {
            tracing::warn!("{text}");
        }
        let end = serve(config, &telemetry, &mut signals).await;
        if !matches!(end, Ok(End::GivenUp)) {
            tokio::select! { () = telemetry.stop(LAST_EXPORT) => {}, _ = signals.next() => {} }
        }
        end.map(drop)
    });
    // Work on CPU threads that nobody waits for any more does not delay the end.
    runtime.shutdown_background();
    outcome
}

/// How the service has ended.
enum End {
    /// What was in flight is finished, or was given time for it.
    InOrder,
    /// It was told twice.
    GivenUp,
}

async fn serve(config: &Config, telemetry: &Telemetry, signals: &mut Signals) -> Result<End, Error> {
    let listen = &config.listen;
    let tls = listen.tls.clone().map(Tls::from_files).transpose();
    let tls = tls.map_err(|error| format!("--https with --cert-file and --key-file: {error}"))?;
    let app = App::new(config)?;
    telemetry.watch_logs(&app.engine.metrics)?;
    let operators = match listen.admin_address {
        Some(address) => Some(bound(&[address], &format!("--admin-address {address}")).await?),
        None => None,
    };
    let listener = bound(&listen.addresses().await?, &format!("{}:{}", listen.host, listen.port)).await?;
    for variable in &config.without_effect {
        tracing::warn!(variable, "this setting has no effect in this version");
    }
    if app.policy.is_open() {
        tracing::warn!("clients may name any source that this machine can reach; --allow-source sets bounds");
    }
    let event_loops =
        EventLoops::start(thread::available_parallelism()?, || http::router(Arc::new(app.with_own_connections())))?;
    let max_connections = connections(listen)?;
    let _operators = operators.map(|listener| serve_operators(listener, &app));
    let mut following = JoinSet::new();
    if let Some(tls) = &tls {
        following.spawn(tls.clone().follow());
    }
    if let Some(tokens) = &app.tokens {
        following.spawn(tokens.clone().follow());
    }
    tracing::info!(address = %listener.local_addr()?, https = tls.is_some(), "listening");
    let options = ServeOptions {
        tls,
        client_timeout: listen.client_timeout,
        max_connections,
        drain_timeout: listen.shutdown_timeout,
    };
    let end = until_ended(&app, listen.shutdown_delay, signals, |stopped| {
        http::serve(listener, &event_loops, options, stopped)
    });
    let end = end.await;
    app.give_up();
    event_loops.end().await;
    Ok(end)
}

/// Serves until the signals say that it is over.
async fn until_ended<S: Future<Output = ()>>(
    app: &App,
    shutdown_delay: Duration,
    signals: &mut Signals,
    serve: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>) -> S,
) -> End {
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = serve(Box::pin(async { drop(stopped.await) }));
    let ended = async {
        let delay = signals.next().await.delay(shutdown_delay);
        app.stop();
        tracing::info!(?delay, "stopping: /readyz fails");
        tokio::select! { () = tokio::time::sleep(delay) => {}, _ = signals.next() => return }
        tracing::info!("stopping: no new connections, requests in flight are finished");
        drop(stop);
        signals.next().await;
    };
    tokio::select! {
        () = serving => End::InOrder,
        () = ended => {
            tracing::warn!("told to stop once more: requests in flight are given up");
            End::GivenUp
        }
    }
}

async fn bound(addresses: &[SocketAddr], named: &str) -> Result<TcpListener, Error> {
    Ok(TcpListener::bind(addresses).await.map_err(|error| format!("cannot listen on {named}: {error}"))?)
}

/// Serves operators on their own, to the very end: they want to see it.
fn serve_operators(listener: TcpListener, app: &App) -> JoinSet<()> {
    let address = listener.local_addr().map(|address| address.to_string()).ok();
    tracing::info!(address, "listening for operators");
    let options = ServeOptions {
        tls: None,
        client_timeout: OPERATORS_TIMEOUT,
        max_connections: OPERATORS,
        drain_timeout: Duration::ZERO,
    };
    let event_loop = EventLoops::current(http::admin_router(Arc::new(app.clone())));
    let mut serving = JoinSet::new();
    serving.spawn(async move { http::serve(listener, &event_loop, options, std::future::pending()).await });
    serving
}

/// What tells the program to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Does not end it: whoever follows files reads them again.
    _hangup: Signal,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// By a supervisor, behind which others look whether this one is ready.
    Terminate,
    /// By a person, who waits.
    Interrupt,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.terminate.recv() => Stop::Terminate,
            _ = self.interrupt.recv() => Stop::Interrupt,
        }
    }
}

impl Stop {
    fn delay(self, configured: Duration) -> Duration {
        if self == Self::Terminate { configured } else { Duration::ZERO }
    }
}

/// As many connections as are set, or as open files allow.
fn connections(listen: &Listen) -> Result<usize, Error> {
    let others = listen.admin_address.map_or(0, |_| OPERATORS);
    let (files, wanted) = (OpenFiles::raise(others), listen.max_connections);
    let limit = files.limit();
    let connections = files.connections(wanted).ok_or_else(|| {
        format!("the limit of open files, {limit} (ulimit -n, LimitNOFILE), leaves none for a connection and what it asks for")
    })?;
    if connections < wanted {
        tracing::warn!(
            "--max-connections {wanted} needs two open files each, and the limit is {limit} (ulimit -n, LimitNOFILE): \
             {connections} connections are taken at one time"
        );
    }
    Ok(connections.get())
}
