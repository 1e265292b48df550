//! Who a request comes from, as the store is told and as turns are taken.

use secrecy::{ExposeSecret, SecretString};

use crate::admission::ClientId;

/// Who sent a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// With whose requests it waits in one line.
    pub client: ClientId,
    /// What the store is told, if anything.
    pub credentials: Option<Credentials>,
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
}
