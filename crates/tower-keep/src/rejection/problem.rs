//! The problem+json body of RFC 9457.

use bytes::Bytes;
use serde::Serialize;

use super::Rejection;

/// What a client can read, whatever language it is written in.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
    /// Left out where nobody knows: the call was running when its time ran out.
    #[serde(skip_serializing_if = "Option::is_none")]
    executed: Option<bool>,
    layer: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    /// Left out where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    should_retry: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl Rejection {
    /// When a new try is worth it, in whole milliseconds, rounded up: earlier would be refused again.
    pub(crate) fn retry_after_ms(&self) -> Option<u64> {
        let nanos = self.retry_after()?.as_nanos();
        Some(u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }

    /// The rejection as `application/problem+json`.
    ///
    /// Beside the members of RFC 9457 it has `executed: false` where the call certainly did not
    /// reach the service, so that a client knows that a new try cannot do anything twice; `should_retry:
    /// false` where the same call [can only fail again](Self::may_retry); `layer` and `name`; and
    /// `retry_after_ms`.
    #[must_use]
    pub fn to_problem_json(&self) -> Bytes {
        let problem = Problem {
            r#type: format!("urn:tower-keep:rejection:{}", self.kind.as_str()),
            title: self.kind.title(),
            status: self.status.as_u16(),
            detail: self.kind.to_string(),
            executed: self.is_unexecuted().then_some(false),
            layer: self.layer,
            name: self.name(),
            should_retry: (!self.may_retry()).then_some(false),
            retry_after_ms: self.retry_after_ms(),
        };
        serde_json::to_vec(&problem)
            .expect("strings and numbers are always JSON")
            .into()
    }
}
