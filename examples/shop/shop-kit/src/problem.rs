//! Errors as `application/problem+json` (RFC 9457) that name the field and the remedy.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One error answer; its members are reached through the value. Boxed, because it is the error of
/// nearly every function, and those should not carry 170 bytes of it on success.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Problem(Box<Members>);

/// The members of a [`Problem`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Members {
    /// A URN that programs match on: `urn:shop:out-of-stock`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// The field, header or path part that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// `false` says that nothing was done: a layer turned the request away before any handler ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executed: Option<bool>,
    /// Further members.
    #[serde(flatten)]
    pub more: Map<String, Value>,
    /// Sent as the `Retry-After` header.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// A problem of the kind `urn:shop:{kind}`; the title is the kind in words.
    #[must_use]
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Members {
            kind: format!("urn:shop:{kind}"),
            title: kind.replace('-', " "),
            status: status.as_u16(),
            detail: detail.into(),
            ..Members::default()
        }))
    }

    /// 422: the request was understood, and a field of it is not acceptable.
    #[must_use]
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail).field(field)
    }

    /// Something that should not have happened, which is logged and not told.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal-error",
            "the service could not do it",
        )
        .remedy("repeat the request with the same Idempotency-Key")
    }

    /// 404: there is no `what` of this id.
    #[must_use]
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("there is no {what} {id}"),
        )
    }

    /// Names the field, header or path part that is wrong.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds a further member.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.more.insert(member.to_owned(), value.into());
        self
    }

    /// Asks to come back after `delay`, at least one second on the wire.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

impl Deref for Problem {
    type Target = Members;

    fn deref(&self) -> &Members {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Members {
        &mut self.0
    }
}

impl Default for Members {
    fn default() -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: String::new(),
            status: 500,
            detail: String::new(),
            field: None,
            remedy: None,
            executed: None,
            more: Map::new(),
            retry_after: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem is plain data");
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if let Some(delay) = self.retry_after {
            let seconds = delay.as_millis().div_ceil(1000).max(1) as u64;
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The database failed. Whether anything was written is not known to the caller, hence a 500; the
/// log has the cause, the answer has not.
impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "database failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "database-failed",
            "the service could not use its database",
        )
        .remedy("repeat the request with the same Idempotency-Key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_field_and_remedy_and_rounds_its_delay_up() {
        let response = Problem::invalid("lines[0].quantity", "it is -1")
            .remedy("order at least 1")
            .retry_after(Duration::from_millis(1200))
            .into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }

    #[test]
    fn a_problem_of_somebody_else_is_read_with_what_it_has() {
        let problem: Problem =
            serde_json::from_str(r#"{"title":"shed","executed":false,"layer":"x"}"#).unwrap();
        assert_eq!(problem.executed, Some(false));
        assert_eq!(problem.more["layer"], "x");
    }
}
