//! The service's own credentials, for stores that the operator lists.

use aws_config::{default_provider::credentials::DefaultCredentialsChain, provider_config::ProviderConfig};
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_s3::config::{Region, SharedHttpClient};
use tokio::sync::OnceCell;

/// Credentials from where AWS's tools look for them: the environment, profiles, a web identity token, the container's
/// or the machine's role. They are looked up when they are first needed, and again when they are about to expire.
#[derive(Debug)]
pub(super) struct OwnCredentials {
    region: Region,
    http_client: SharedHttpClient,
    chain: OnceCell<DefaultCredentialsChain>,
}

impl OwnCredentials {
    pub(super) fn new(region: Region, http_client: SharedHttpClient) -> Self {
        Self { region, http_client, chain: OnceCell::new() }
    }

    async fn chain(&self) -> &DefaultCredentialsChain {
        let build = || {
            let config = ProviderConfig::default().with_http_client(self.http_client.clone());
            DefaultCredentialsChain::builder().configure(config).region(self.region.clone()).build()
        };
        self.chain.get_or_init(build).await
    }
}

impl ProvideCredentials for OwnCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.chain().await.provide_credentials().await })
    }
}
