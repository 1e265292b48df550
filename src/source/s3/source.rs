//! S3 stores: a signed GET for each chunk.

use std::{sync::Arc, time::Duration};

use hyper::{Response, body::Incoming};
use url::Position;

use super::{
    client::Site,
    client_map::S3ClientMap,
    error::{Refusal, part_without_range, refused},
    location::S3Location,
};
use crate::{
    array::Budget,
    credentials::{Authorization, Credentials},
    source::{
        error::{SourceError, SourceErrorKind},
        read::{Fetched, Read, Source},
        transport::{
            answer::{fetched, other_version},
            client::HttpClient,
            headers::content_range,
        },
    },
};

/// Reads from S3 stores.
#[derive(Clone, Debug)]
pub struct S3Source {
    pub(crate) clients: Arc<S3ClientMap>,
    pub(crate) client: HttpClient,
    read_timeout: Duration,
}

impl S3Source {
    /// Reads as the clients of a map say, and waits no longer than `read_timeout` for the next bytes.
    #[must_use]
    pub const fn new(clients: Arc<S3ClientMap>, client: HttpClient, read_timeout: Duration) -> Self {
        Self { clients, client, read_timeout }
    }

    /// The answer that holds the object, or a part of it, from where the bucket is supposed to be.
    async fn get(&self, location: &S3Location, site: &Site, read: &Read<'_>) -> Result<Response<Incoming>, Refusal> {
        let credentials = credentials(read)?;
        let has_credentials = credentials.is_some();
        let request = self.clients.client(location, credentials).get_object(location, site, read).await?;
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|no_answer| no_answer.for_read(read.range, has_credentials))?;
        match (answer.status().as_u16(), content_range(answer.headers())) {
            (200, _) | (206, Some(_)) => Ok(answer),
            (206, None) => Err(part_without_range(read.range, has_credentials).into()),
            (412, _) if let Some(error) = other_version(answer.headers(), read) => Err(error.into()),
            _ => Err(refused(answer, self.read_timeout, read.range, has_credentials).await),
        }
    }
}

/// What requests are signed with.
fn credentials<'a>(read: &Read<'a>) -> Result<Option<&'a Credentials>, SourceError> {
    match &read.caller.authorization {
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

    fn store<'a>(&self, location: &'a S3Location) -> &'a str {
        &location.endpoint[..Position::BeforePath]
    }

    async fn fetch(&self, location: &S3Location, read: &Read<'_>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        let site = self.clients.site(location);
        let answer = match self.get(location, &site, read).await {
            Ok(answer) => answer,
            Err(Refusal { error, region }) => {
                // The store says where the bucket is: that is asked once, and kept.
                let region = region.filter(|region| *region != *site.region).ok_or(error)?;
                self.clients.learn(location, &region);
                self.get(location, &self.clients.site(location), read).await.map_err(|refusal| refusal.error)?
            }
        };
        fetched(answer, read, self.read_timeout, budget).await
    }
}
