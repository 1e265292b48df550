//! What is done with a store's answer before the SDK reads it.

use std::error::Error;

use aws_sdk_s3::config::{
    ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextMut,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// Longest error document that is read. Those of S3 have a few hundred bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// Bounds the bodies of errors, which the SDK collects in memory, and lets only those answers pass as a success that
/// a read can have.
#[derive(Debug)]
pub(super) struct SoberAnswers;

impl Intercept for SoberAnswers {
    fn name(&self) -> &'static str {
        "SoberAnswers"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let response = context.response_mut();
        match response.status().as_u16() {
            206 if !response.headers().contains_key("content-range") => {
                Err("the answer is a part of the object and does not say which: 206 without Content-Range".into())
            }
            200 | 206 => Ok(()),
            status @ 200..300 => Err(format!("the store answered with status {status}").into()),
            _ => {
                let body = std::mem::replace(response.body_mut(), SdkBody::taken());
                *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, MAX_ERROR_BYTES));
                Ok(())
            }
        }
    }
}
