//! What answers questions about variables, for those who need not know how.

use std::fmt;

use async_trait::async_trait;

use super::{
    answer::{Described, VariableAnswer},
    progress::Progress,
};
use crate::{
    engine::{Asking, Engine},
    error::ActiveStorageError,
    request::variable::{DescribeRequest, VariableRequest},
};

/// What answers questions about variables. Work stops when a future is dropped.
#[async_trait]
pub trait Variables: fmt::Debug + Send + Sync + 'static {
    /// Describes an object, or one variable of it.
    ///
    /// # Errors
    /// Whatever keeps it from an answer.
    async fn describe(
        &self,
        request: DescribeRequest,
        asking: Asking,
        progress: &Progress,
    ) -> Result<Described, ActiveStorageError>;

    /// Computes statistics of a part of a variable.
    ///
    /// # Errors
    /// Whatever keeps it from an answer.
    async fn reduce_variable(
        &self,
        request: VariableRequest,
        asking: Asking,
        progress: &Progress,
    ) -> Result<VariableAnswer, ActiveStorageError>;

    /// Reads a part of a variable: the one result of the answer.
    ///
    /// # Errors
    /// Whatever keeps it from an answer.
    async fn select_variable(
        &self,
        request: VariableRequest,
        asking: Asking,
        progress: &Progress,
    ) -> Result<VariableAnswer, ActiveStorageError>;
}

#[async_trait]
impl Variables for Engine {
    async fn describe(
        &self,
        request: DescribeRequest,
        asking: Asking,
        progress: &Progress,
    ) -> Result<Described, ActiveStorageError> {
        self.description(request, asking, progress).await
    }

    async fn reduce_variable(
        &self,
        request: VariableRequest,
        asking: Asking,
        progress: &Progress,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        let (object, target) = (request.object.clone(), request.target.clone());
        self.reduce_of(object, target, |variable| request.resolve(variable), asking, progress).await
    }

    async fn select_variable(
        &self,
        request: VariableRequest,
        asking: Asking,
        progress: &Progress,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        let (object, target) = (request.object.clone(), request.target.clone());
        self.select_of(object, target, |variable| request.resolve(variable), asking, progress).await
    }
}
