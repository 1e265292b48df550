//! Who a request comes from, as the store is told.

use secrecy::{ExposeSecret, SecretString};

/// User name and password, or access key and secret key. The secret is wiped from memory when it is
/// dropped, and no `Debug` shows it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// User name or access key.
    pub user: String,
    secret: SecretString,
}

impl Credentials {
    /// Takes the secret over.
    #[must_use]
    pub fn new(user: String, secret: String) -> Self {
        Self { user, secret: secret.into() }
    }

    /// The secret itself, for the one who signs with it.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.secret.expose_secret()
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.user == other.user && self.secret() == other.secret()
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
    fn debug_hides_the_secret() {
        let shown = format!("{:?}", Credentials::new("user".into(), "open sesame".into()));
        assert!(shown.contains("user") && !shown.contains("sesame"), "{shown}");
    }

    #[test]
    fn the_same_user_with_another_secret_is_another() {
        let credentials = |secret: &str| Credentials::new("user".into(), secret.into());
        assert_eq!(credentials("a"), credentials("a"));
        assert_ne!(credentials("a"), credentials("b"));
    }
}
