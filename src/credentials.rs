//! Who a request comes from, as the store is told and as turns are taken; and the operator's files that say who may come.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use crate::resources::ClientId;

/// Who sent a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// With whose requests it waits in one line.
    pub client: ClientId,
    /// What the store is told, if anything.
    pub authorization: Option<Authorization>,
    /// Who pays an S3 store for the reads.
    pub payer: Payer,
}

/// What a store is told of who asks. No `Debug` shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Authorization {
    /// User name and password, or access key and secret key.
    Basic(Credentials),
    /// A token that says everything; for web servers.
    Bearer(BearerToken),
}

impl Authorization {
    /// User name and password, or access key and secret key, if it is these.
    #[must_use]
    pub const fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::Basic(credentials) => Some(credentials),
            Self::Bearer(_) => None,
        }
    }
}

/// Who pays for what is read from a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Payer {
    /// Whose bucket it is.
    #[default]
    Owner,
    /// Who sends the request.
    Requester,
}

/// A token that is as good as a name and a password. It is wiped from memory when it is dropped, and no `Debug` shows it.
#[derive(Clone, Debug)]
pub struct BearerToken(SecretString);

impl BearerToken {
    /// Takes the token over.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into().into())
    }

    /// The token itself, for the one who sends it.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for BearerToken {
    fn eq(&self, other: &Self) -> bool {
        self.secret() == other.secret()
    }
}

impl Eq for BearerToken {}

impl std::hash::Hash for BearerToken {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // Maps of them are few and small; the secret has no need to travel through a hash.
        self.secret().len().hash(state);
    }
}

/// User name and password, or access key and secret key. The secret is wiped from memory when it is
/// dropped, and no `Debug` shows it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// User name or access key.
    pub user: String,
    secret: SecretString,
    session_token: Option<SecretString>,
}

impl Credentials {
    /// Takes the secret over.
    #[must_use]
    pub fn new(user: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { user: user.into(), secret: secret.into().into(), session_token: None }
    }

    /// The same, with the session token that makes temporary credentials of S3 valid.
    #[must_use]
    pub fn with_session_token(self, token: impl Into<String>) -> Self {
        Self { session_token: Some(token.into().into()), ..self }
    }

    /// The secret itself, for the one who signs with it.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.secret.expose_secret()
    }

    /// The session token, which is as secret.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.user == other.user && self.secret() == other.secret() && self.session_token() == other.session_token()
    }
}

impl Eq for Credentials {}

impl std::hash::Hash for Credentials {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // Equal credentials have equal users; the secret has no need to travel through a hash.
        self.user.hash(state);
    }
}

/// PEM files of the server's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities that certificates of clients must be signed by; None if clients need none.
    pub client_ca: Option<PathBuf>,
}

/// Tokens of those who may use the service, as a file has them now. Clones share them.
#[derive(Clone, Debug)]
pub struct Tokens {
    file: PathBuf,
    current: Arc<RwLock<Vec<SecretString>>>,
}

impl Tokens {
    /// Reads a file with one token in each line; empty lines and those that begin with `#` mean nothing.
    ///
    /// # Errors
    /// If it cannot be read, or has none.
    pub fn load(file: &Path) -> Result<Self, String> {
        Ok(Self { file: file.to_owned(), current: Arc::new(RwLock::new(tokens(file)?)) })
    }

    /// Whether this is one of them. How long it takes tells nothing but lengths.
    #[must_use]
    pub fn know(&self, token: &[u8]) -> bool {
        let is_equal = |known: &SecretString| known.expose_secret().as_bytes().ct_eq(token);
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.iter().map(is_equal).fold(Choice::from(0), |any, equal| any | equal).into()
    }

    /// Takes what the file has when it changes. Never ends.
    pub async fn follow(self) {
        follow("tokens", move || self.reload()).await;
    }

    fn reload(&self) -> Result<(), String> {
        let new = tokens(&self.file)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if !current.iter().map(ExposeSecret::expose_secret).eq(new.iter().map(ExposeSecret::expose_secret)) {
            *current = new;
            tracing::info!("new tokens are in use");
        }
        Ok(())
    }
}

fn tokens(file: &Path) -> Result<Vec<SecretString>, String> {
    let text = fs::read_to_string(file).map(SecretString::from).map_err(|error| error.to_string())?;
    let lines = text.expose_secret().lines().map(str::trim);
    let tokens: Vec<_> =
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(SecretString::from).collect();
    if tokens.is_empty() { Err("has no token in it".to_owned()) } else { Ok(tokens) }
}

/// How soon new files are noticed.
const PERIOD: Duration = Duration::from_secs(10);

/// Has files read again and again, and at once at SIGHUP. Whatever is wrong with them, what was read before stays in use.
/// Never ends.
pub async fn follow(what: &'static str, reload: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
    let reload = Arc::new(reload);
    let mut hangups = signal(SignalKind::hangup()).ok();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_problem = None;
    loop {
        let hung_up = async {
            match &mut hangups {
                Some(hangups) => hangups.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { _ = ticks.tick() => {}, _ = hung_up => {} }
        let reload = Arc::clone(&reload);
        // A file can be on a network that does not answer.
        let problem = tokio::task::spawn_blocking(move || reload()).await.ok().and_then(Result::err);
        if let Some(problem) = problem.as_ref().filter(|_| problem != last_problem) {
            tracing::warn!(what, problem, "new files cannot be used; the old ones stay");
        }
        last_problem = problem;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_secrets() {
        let shown = format!("{:?}", Credentials::new("user", "open sesame").with_session_token("token of today"));
        assert!(shown.contains("user") && !shown.contains("sesame") && !shown.contains("today"), "{shown}");
    }

    #[test]
    fn the_same_user_with_another_secret_or_token_is_another() {
        let credentials = |secret: &str| Credentials::new("user", secret);
        assert_eq!(credentials("a"), credentials("a"));
        assert_ne!(credentials("a"), credentials("b"));
        assert_ne!(credentials("a"), credentials("a").with_session_token("t"));
        assert_ne!(credentials("a").with_session_token("s"), credentials("a").with_session_token("t"));
    }

    #[test]
    fn tokens_are_lines_of_a_file() {
        let path = std::env::temp_dir().join(format!("tokens-{}", std::process::id()));
        fs::write(&path, "# of the team\n\n open sesame \nsecond\n").expect("a file");
        let tokens = Tokens::load(&path).expect("two");
        assert!(tokens.know(b"open sesame") && tokens.know(b"second"));
        for unknown in [&b""[..], b"open", b"# of the team", b"open sesame ", b"SECOND", b"\xff"] {
            assert!(!tokens.know(unknown));
        }
        assert!(!format!("{tokens:?}").contains("sesame"));
        fs::write(&path, "# nobody\n").expect("a file");
        assert!(Tokens::load(&path).is_err());
        fs::remove_file(&path).expect("it is there");
        assert!(Tokens::load(&path).is_err());
    }
}
