//! The program as it runs on its own.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// The program, without the settings of whoever runs the tests.
pub fn program() -> Command {
    let mut command = Command::new(option_env!("CARGO_BIN_EXE_reductionist").expect("a test of the program"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars()
        .filter(|(name, _)| ["REDUCTIONIST_", "RUST_LOG", "OTEL_"].iter().any(|prefix| name.starts_with(prefix)))
    {
        command.env_remove(name);
    }
    command
}

/// A running program, killed when a test gives up on it.
pub struct Running {
    pub child: Option<Child>,
    pub port: u16,
    /// Everything that it writes to standard error: a full pipe would stop it.
    log: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts it on a port that was free a moment ago.
    pub fn start(command: &mut Command) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child =
            command.env("REDUCTIONIST_HOST", "127.0.0.1").env("REDUCTIONIST_PORT", port.to_string()).spawn().unwrap();
        let mut child = child;
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            stderr.read_to_end(&mut log).unwrap();
            String::from_utf8_lossy(&log).into_owned()
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "it does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child: Some(child), port, log: Some(log) }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends a signal and waits for the end: whether it was a success, and the log.
    pub fn stop(mut self, signal: &str) -> (bool, String) {
        let mut child = self.child.take().unwrap();
        let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(status.success());
        let is_success = child.wait().unwrap().success();
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
