//! S3 stores: a signed GET for each chunk.

use std::{sync::Arc, time::Duration};

use hyper::{Response, body::Incoming};

use super::{
    client::Site,
    client_map::S3ClientMap,
    error::{Refusal, part_without_range, refused},
    location::S3Location,
};
use crate::{
    array::Budget,
    credentials::{Authorization, Caller, Credentials},
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
    /// Reads as the clients of a map say, and waits no longer than `read_timeout` for the next bytes.
    #[must_use]
    pub const fn new(clients: Arc<S3ClientMap>, client: HttpClient, read_timeout: Duration) -> Self {
        Self { clients, client, read_timeout }
    }

    /// The same source, which asks by another client.
    #[must_use]
    pub fn with_client(&self, client: HttpClient) -> Self {
        Self { client, ..self.clone() }
    }

    /// What it asks by.
    #[must_use]
    pub const fn client(&self) -> &HttpClient {
        &self.client
    }

    /// Number of S3 clients kept.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// The answer that holds the object, or a part of it, from where the bucket is supposed to be.
    async fn get(&self, site: &Site, read: &Read<'_, S3Location>) -> Result<Response<Incoming>, Refusal> {
        let credentials = credentials(read.caller)?;
        let has_credentials = credentials.is_some();
        let request = self.clients.client(read.location, credentials).get_object(site, read).await?;
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|no_answer| no_answer.for_read(read.range, has_credentials))?;
        match (answer.status().as_u16(), content_range(answer.headers())) {
            (200, _) | (206, Some(_)) => Ok(answer),
            (206, None) => Err(part_without_range(read.range, has_credentials).into()),
            (412, _) if let Some(error) = other_version(answer.headers(), read.version) => Err(error.into()),
            _ => Err(refused(answer, self.read_timeout, read.range, has_credentials).await),
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
                // The store says where the bucket is: that is asked once, and kept.
                let region = region.filter(|region| *region != *site.region).ok_or(error)?;
                self.clients.learn(read.location, &region);
                self.get(&self.clients.site(read.location), read).await.map_err(|refusal| refusal.error)?
            }
        };
        fetched(answer, read, self.read_timeout, budget).await
    }
}
