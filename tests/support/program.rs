//! The program as it runs on its own.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread::JoinHandle,
    time::Duration,
};

/// Its path, which cargo tells the tests of a package that has it: `reductionist`, or `traced`, which is the same.
fn path() -> OsString {
    let paths = ["CARGO_BIN_EXE_reductionist", "CARGO_BIN_EXE_traced"];
    paths.into_iter().find_map(std::env::var_os).expect("a test, run by cargo")
}

/// The program, without the settings of whoever runs the tests.
pub fn program() -> Command {
    let mut command = Command::new(path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars()
        .filter(|(name, _)| ["REDUCTIONIST_", "RUST_LOG", "OTEL_"].iter().any(|prefix| name.starts_with(prefix)))
    {
        command.env_remove(name);
    }
    if std::env::var_os("CARGO_BIN_EXE_traced").is_some() {
        // By default, what the program says is told by the name that it has for users.
        command.env("RUST_LOG", "warn,reductionist=info,traced=info,opentelemetry-otlp=off");
    }
    command
}

/// The same, started by a shell after other commands, such as `ulimit`.
pub fn program_after(commands: &str) -> Command {
    let mut shell = Command::new("sh");
    for (name, value) in program().get_envs() {
        assert!(value.is_none(), "the program itself is given nothing");
        shell.env_remove(name);
    }
    let script = format!("{commands}; exec \"$0\" \"$@\"");
    shell.arg("-c").arg(script).arg(path());
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// A running program, killed when a test gives up on it.
pub struct Running {
    pub child: Option<Child>,
    pub port: u16,
    /// The port for operators, if they have one of their own.
    pub admin_port: Option<u16>,
    /// Everything that it writes to standard error.
    log: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts it on a free port, which it tells.
    pub fn start(command: &mut Command) -> Self {
        let command = command.env("REDUCTIONIST_HOST", "127.0.0.1").env("REDUCTIONIST_PORT", "0");
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (told, tells) = mpsc::channel();
        let log = std::thread::spawn(move || {
            let (mut log, mut line) = (String::new(), Vec::new());
            while stderr.read_until(b'\n', &mut line).unwrap() > 0 {
                let text = String::from_utf8_lossy(&line);
                if let Some(listening) = listening(&text) {
                    told.send(listening).unwrap();
                }
                log.push_str(&text);
                line.clear();
            }
            log
        });
        let mut running = Self { child: Some(child), port: 0, admin_port: None, log: Some(log) };
        while running.port == 0 {
            match tells.recv_timeout(Duration::from_secs(20)).expect("it listens") {
                Listening::Operators(port) => running.admin_port = Some(port),
                Listening::Everybody(port) => running.port = port,
            }
        }
        running
    }

    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin_port.expect("it has one"))
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends a signal.
    pub fn tell(&self, signal: &str) {
        tell(self.child.as_ref().unwrap(), signal);
    }

    /// Sends a signal and waits for the end: whether it was a success, and the log.
    pub fn stop(mut self, signal: &str) -> (bool, String) {
        self.tell(signal);
        let is_success = self.child.take().unwrap().wait().unwrap().success();
        (is_success, self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Sends a signal.
pub fn tell(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

pub enum Listening {
    Operators(u16),
    Everybody(u16),
}

/// The port that a line of the log tells of, as text or JSON.
pub fn listening(line: &str) -> Option<Listening> {
    let (before, behind) = line.split_once("127.0.0.1:")?;
    let port = behind.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    if before.contains("listening for operators") {
        Some(Listening::Operators(port))
    } else if before.contains("\"listening\"") || before.contains(" listening ") {
        Some(Listening::Everybody(port))
    } else {
        None
    }
}
