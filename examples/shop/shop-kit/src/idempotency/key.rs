use axum::extract::FromRequestParts;
use http::{StatusCode, request::Parts};
use serde::Serialize;
use tower_keep_durable::idempotency::{Key, Keyed};

use crate::problem::Problem;

/// The `Idempotency-Key` header: 1 to 255 visible ASCII characters. Its absence is a 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A key from its text.
    ///
    /// # Errors
    /// 400: the text is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, Problem> {
        if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        Err(bad_key(
            "the Idempotency-Key must be 1 to 255 visible ASCII characters",
        ))
    }

    /// The request of `scope` (method and route) with this `payload`.
    #[must_use]
    pub fn asks(self, scope: &'static str, payload: &impl Serialize) -> Keyed {
        Key::new(scope, self.0).asks(payload)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let (Some(key), None) = (keys.next(), keys.next()) else {
            return Err(bad_key(
                "this request needs exactly one Idempotency-Key header",
            ));
        };
        Self::new(key.to_str().unwrap_or_default())
    }
}

fn bad_key(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "idempotency-key", detail)
        .field("Idempotency-Key")
        .remedy("send one fresh key for each new request, and the same key when you repeat it; a UUID is fine")
}
