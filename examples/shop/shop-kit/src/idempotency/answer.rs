use std::ops::Deref;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use tower_keep_durable::idempotency as kept;

use crate::problem::{PROBLEM_JSON, Problem};

/// An answer that can be kept and given again: that of the durable companion, in HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(kept::Answer);

impl Answer {
    /// A success.
    #[must_use]
    pub fn new(status: StatusCode, body: &impl Serialize) -> Self {
        Self(kept::Answer::json(status.as_u16(), body))
    }

    /// Where the thing is that the request made.
    ///
    /// # Panics
    /// The path is not visible ASCII.
    #[must_use]
    pub fn location(self, path: &str) -> Self {
        let located = self.0.header("location", path);
        Self(located.expect("paths of this shop are ASCII"))
    }
}

impl From<kept::Answer> for Answer {
    fn from(answer: kept::Answer) -> Self {
        Self(answer)
    }
}

/// A refusal is an answer too: recorded, so that a late duplicate cannot succeed where the request
/// was refused.
impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let body = serde_json::to_vec(&problem).expect("a problem is plain data");
        let answer = kept::Answer::new(problem.status, body).header("content-type", PROBLEM_JSON);
        Self(answer.expect("the type of a problem is ASCII"))
    }
}

impl Deref for Answer {
    type Target = kept::Answer;

    fn deref(&self) -> &kept::Answer {
        &self.0
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body().clone()));
        *response.status_mut() =
            StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let replayed = self
            .is_replayed()
            .then_some(("idempotent-replayed", "true"));
        for (name, value) in self.headers().chain(replayed) {
            // They were checked when they were added.
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}
