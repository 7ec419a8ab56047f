use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use crate::problem::{PROBLEM_JSON, Problem};

/// An answer that can be kept and given again.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) body: Value,
    replayed: bool,
}

impl Answer {
    /// A success.
    #[must_use]
    pub fn new(status: StatusCode, body: &impl Serialize) -> Self {
        let body = serde_json::to_value(body).expect("an answer is plain data");
        Self {
            status: status.as_u16(),
            location: None,
            body,
            replayed: false,
        }
    }

    /// The answer of last time.
    pub(super) fn replayed(status: u16, location: Option<String>, body: Value) -> Self {
        Self {
            status,
            location,
            body,
            replayed: true,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Where the thing is that the request made.
    #[must_use]
    pub fn location(mut self, path: String) -> Self {
        self.location = Some(path);
        self
    }
}

/// A refusal is an answer too: recorded, so that a late duplicate cannot succeed where the request
/// was refused.
impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, &problem)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = if self.status < 400 {
            "application/json"
        } else {
            PROBLEM_JSON
        };
        let mut response = (
            status,
            [(header::CONTENT_TYPE, kind)],
            self.body.to_string(),
        )
            .into_response();
        let headers = response.headers_mut();
        if let Some(path) = self
            .location
            .and_then(|path| HeaderValue::try_from(path).ok())
        {
            headers.insert(header::LOCATION, path);
        }
        if self.replayed {
            headers.insert(
                HeaderName::from_static("idempotent-replayed"),
                HeaderValue::from_static("true"),
            );
        }
        response
    }
}
