//! The service's own credentials, for stores that the operator lists.

use std::time::{Duration, SystemTime};

use aws_config::{Region, default_provider::credentials::DefaultCredentialsChain, provider_config::ProviderConfig};
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::{http::SharedHttpClient, identity::Identity};
use tokio::sync::Mutex;

use crate::source::{
    error::{SourceError, SourceErrorKind, causes},
    transport::tls::Roots,
};

/// How long they are looked for.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Credentials are looked up again this long before they expire.
const SPARE: Duration = Duration::from_mins(1);

/// How long credentials are used that do not say when they expire.
const LIFETIME: Duration = Duration::from_mins(15);

/// Credentials from where AWS's tools look for them: the environment, profiles, a web identity token, the container's
/// or the machine's role. They are looked up when they are first needed, and again when they are about to expire.
#[derive(Debug)]
pub(super) struct OwnCredentials {
    region: Region,
    http_client: SharedHttpClient,
    /// Locked during a lookup, so that everybody waits for the same one.
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    chain: Option<DefaultCredentialsChain>,
    /// The credentials, and until when they can be used.
    identity: Option<(Identity, SystemTime)>,
}

impl OwnCredentials {
    pub(super) fn new(region: &str, roots: &Roots) -> Self {
        let http_client = http_client(roots);
        Self { region: Region::new(region.to_owned()), http_client, found: Mutex::new(Found::default()) }
    }

    /// The credentials.
    ///
    /// # Errors
    /// If there are none.
    pub(super) async fn identity(&self) -> Result<Identity, SourceError> {
        let mut found = self.found.lock().await;
        if let Some((identity, until)) = &found.identity
            && SystemTime::now() < *until
        {
            return Ok(identity.clone());
        }
        let credentials = tokio::time::timeout(LOOKUP_TIMEOUT, self.look_up(&mut found.chain)).await;
        let credentials =
            credentials.map_err(|_| none(vec![format!("they were looked for in vain for {LOOKUP_TIMEOUT:?}")]))??;
        let until = match credentials.expiry() {
            Some(expiry) => expiry.checked_sub(SPARE).unwrap_or(expiry),
            None => SystemTime::now() + LIFETIME,
        };
        let identity = Identity::from(credentials);
        found.identity = Some((identity.clone(), until));
        Ok(identity)
    }

    async fn look_up(&self, chain: &mut Option<DefaultCredentialsChain>) -> Result<Credentials, SourceError> {
        let chain = if let Some(chain) = chain {
            chain
        } else {
            let config = ProviderConfig::default().with_http_client(self.http_client.clone());
            let new = DefaultCredentialsChain::builder().configure(config).region(self.region.clone());
            chain.insert(new.build().await)
        };
        chain.provide_credentials().await.map_err(|error| none(causes(&error)))
    }
}

fn none(causes: Vec<String>) -> SourceError {
    let message = "the server has no credentials of its own for this store";
    SourceError { causes, ..SourceError::new(SourceErrorKind::Internal, message) }
}

/// The client that asks for roles.
fn http_client(roots: &Roots) -> SharedHttpClient {
    let store = TrustStore::default();
    let store = match roots.added() {
        Some(pem) => store.with_pem_certificate(pem),
        None => store,
    };
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(store).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // It cannot fail today. If it ever does, servers with those certificates cannot be reached.
        Err(error) => {
            tracing::error!(%error, "the certificates of --ca-bundle are not used");
            builder.build_https()
        }
    }
}
