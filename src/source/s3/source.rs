//! S3 stores: a signed GET for each read.

use std::{sync::Arc, time::Duration};

use hyper::{Response, body::Incoming};

use super::{
    client::Site,
    client_map::S3ClientMap,
    error::{Refusal, refused},
    location::S3Location,
};
use crate::{
    credentials::{Authorization, Caller, Credentials},
    resources::Budget,
    source::{
        error::{SourceError, SourceErrorKind},
        read::{Fetched, Read, Source},
        transport::{
            answer::{fetched, other_version},
            client::HttpClient,
            fields::content_range,
        },
    },
};

/// Reads from S3 stores.
#[derive(Clone, Debug)]
pub struct S3Source {
    clients: Arc<S3ClientMap>,
    client: HttpClient,
    read_timeout: Duration,
}

impl S3Source {
    /// Reads with the clients of a map, and waits no longer than `read_timeout` for the next bytes.
    #[must_use]
    pub const fn new(clients: Arc<S3ClientMap>, client: HttpClient, read_timeout: Duration) -> Self {
        Self { clients, client, read_timeout }
    }

    /// The same source with another client.
    #[must_use]
    pub fn with_client(&self, client: HttpClient) -> Self {
        Self { client, ..self.clone() }
    }

    /// The client that sends its requests.
    #[must_use]
    pub const fn client(&self) -> &HttpClient {
        &self.client
    }

    /// Number of S3 clients kept.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// The answer of a site, if it holds the object or a part of it.
    async fn get(&self, site: &Site, read: &Read<'_, S3Location>) -> Result<Response<Incoming>, Refusal> {
        let client = self.clients.client(read.location, credentials(read.caller)?);
        let answer = self.client.send(client.get_object(site, read).await?).await;
        let answer = answer.map_err(|no_answer| no_answer.for_read(read.asked()))?;
        match (answer.status().as_u16(), content_range(answer.headers())) {
            (200, _) | (206, Some(_)) => Ok(answer),
            (206, None) => {
                let cause = "the answer is a part of the object and does not say which: 206 without Content-Range";
                let error = SourceError::new(SourceErrorKind::Nonsense, "the store's answer makes no sense");
                Err(error.caused_by(cause).into())
            }
            (412, _) if let Some(error) = other_version(answer.headers(), read.version) => Err(error.into()),
            _ => Err(refused(answer, self.read_timeout, read.asked()).await),
        }
    }
}

/// What requests are signed with.
fn credentials(caller: &Caller) -> Result<Option<&Credentials>, SourceError> {
    match &caller.authorization {
        None => Ok(None),
        Some(Authorization::Basic(credentials)) => Ok(Some(credentials)),
        Some(Authorization::Bearer(_)) => Err(SourceError::new(
            SourceErrorKind::Refused,
            "S3 stores take no bearer token: send access key and secret key as HTTP Basic credentials",
        )),
    }
}

impl Source for S3Source {
    type Location = S3Location;

    async fn fetch(&self, read: &Read<'_, S3Location>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        let site = self.clients.site(read.location);
        let answer = match self.get(&site, read).await {
            Ok(answer) => answer,
            Err(Refusal { error, region }) => {
                // The store has named the region of the bucket: that is asked once, and kept.
                let region = region.filter(|region| *region != *site.region).ok_or(error)?;
                self.clients.learn(read.location, &region);
                self.get(&self.clients.site(read.location), read).await.map_err(|refusal| refusal.error)?
            }
        };
        fetched(answer, read, self.read_timeout, budget).await
    }
}
