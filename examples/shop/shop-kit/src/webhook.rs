//! Signed webhooks, in the headers of [Standard Webhooks](https://www.standardwebhooks.com): whoever
//! knows their URL could otherwise tell of money that never moved.

use std::{fmt, str::FromStr, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::InvalidHeaderValue};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};
use uuid::Uuid;

use crate::problem::Problem;

/// What a sender and a receiver of webhooks know, and nobody else: `whsec_` and base64 of at least
/// 24 bytes. Clones are the same secret.
#[derive(Clone)]
pub struct WebhookSecret(Arc<Webhook>);

const PREFIX: &str = "whsec_";
/// In base64: 24 bytes.
const SHORTEST: usize = 32;

impl WebhookSecret {
    /// A new one, for two that run in one process. From the operating system's randomness.
    #[must_use]
    pub fn random() -> Self {
        let bytes = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes);
        let key = Webhook::from_bytes(bytes.concat());
        Self(Arc::new(key.expect("any bytes are a key")))
    }

    /// The headers of a webhook that is sent now: its id, the time, and the signature of both and of
    /// the body.
    ///
    /// # Errors
    /// The id cannot stand in a header.
    pub fn sign(&self, id: &str, body: &str) -> Result<HeaderMap, InvalidHeaderValue> {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        self.sign_at(now.as_secs().cast_signed(), id, body)
    }

    fn sign_at(&self, at: i64, id: &str, body: &str) -> Result<HeaderMap, InvalidHeaderValue> {
        let signature = self.0.sign(id, at, body.as_bytes());
        let signature = signature.expect("text is UTF-8");
        let values = [
            (HEADER_WEBHOOK_ID, id.parse()?),
            (HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from(at)),
            (HEADER_WEBHOOK_SIGNATURE, signature.parse()?),
        ];
        Ok(values
            .map(|(name, value)| (HeaderName::from_static(name), value))
            .into_iter()
            .collect())
    }

    /// Whether a webhook is of somebody who knows the secret, and not older than five minutes, so that
    /// who records one cannot send it again for ever. Compares in constant time.
    ///
    /// # Errors
    /// A problem of status 401 that says what is missing or wrong.
    pub fn verify(&self, headers: &HeaderMap, body: &str) -> Result<(), Problem> {
        self.0.verify(body.as_bytes(), headers).map_err(|error| {
            let detail = format!("not signed as a webhook must be: {error}");
            Problem::new(StatusCode::UNAUTHORIZED, "webhook-not-signed", detail)
                .remedy("sign it with the secret that this service was started with")
        })
    }
}

impl FromStr for WebhookSecret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let key = text.strip_prefix(PREFIX).unwrap_or_default();
        Some(key)
            .filter(|key| key.len() >= SHORTEST)
            .and_then(|key| Webhook::new(key).ok())
            .map(|key| Self(Arc::new(key)))
            .ok_or_else(|| {
                "give whsec_ and base64 of at least 24 bytes: \
                 echo whsec_$(head -c 32 /dev/urandom | base64)"
                    .to_owned()
            })
    }
}

/// Says nothing of it: what is printed is kept in logs.
impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"id":"e1"}"#;

    fn refused(result: Result<(), Problem>) -> String {
        let problem = result.expect_err("it is refused");
        assert_eq!(problem.status, 401);
        problem.detail.clone()
    }

    #[test]
    fn what_is_signed_is_taken_and_nothing_else() {
        let secret = WebhookSecret::random();
        let headers = secret.sign("e1", BODY).expect("an id");
        secret.verify(&headers, BODY).expect("signed");

        for (headers, body, said) in [
            (&headers, r#"{"id":"e2"}"#, "signature invalid"),
            (
                &secret.sign("e2", "").expect("an id"),
                BODY,
                "signature invalid",
            ),
            (&HeaderMap::new(), BODY, "missing header id"),
        ] {
            let detail = refused(secret.verify(headers, body));
            assert!(detail.ends_with(said), "{detail}");
        }
        let detail = refused(WebhookSecret::random().verify(&headers, BODY));
        assert!(detail.ends_with("signature invalid"), "{detail}");
        assert!(secret.sign("line\nbreak", BODY).is_err());
    }

    #[test]
    fn an_old_one_is_refused() {
        let secret = WebhookSecret::random();
        let headers = secret.sign_at(1_700_000_000, "e1", BODY).expect("an id");
        let detail = refused(secret.verify(&headers, BODY));
        assert!(detail.ends_with("too old"), "{detail}");
    }

    #[test]
    fn a_secret_is_long_and_is_not_printed() {
        let good = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
        let secret: WebhookSecret = good.parse().expect("24 bytes");
        assert_eq!(format!("{secret:?}"), "WebhookSecret(..)");
        for bad in ["", "whsec_", "whsec_MDEy", &good[6..], &format!("{good}=?")] {
            assert!(bad.parse::<WebhookSecret>().is_err(), "{bad}");
        }
    }
}
