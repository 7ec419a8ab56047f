//! The problem+json body of RFC 9457.

use std::fmt::{Display, Write};

use bytes::Bytes;

use super::Rejection;

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
        // By hand: a refusal should cost little, and a serializer took most of it. Our own words need no
        // escapes.
        let mut json = String::with_capacity(384);
        json.push_str(r#"{"type":"urn:tower-keep:rejection:"#);
        json.push_str(self.kind.as_str());
        json.push_str(r#"","title":""#);
        json.push_str(self.kind.title());
        json.push_str(r#"","status":"#);
        json.push_str(self.status.as_str());
        json.push_str(r#","detail":"#);
        push_text(&mut json, &self.kind);
        if self.is_unexecuted() {
            json.push_str(r#","executed":false"#);
        }
        json.push_str(r#","layer":""#);
        json.push_str(self.layer);
        json.push('"');
        if !self.name().is_empty() {
            json.push_str(r#","name":"#);
            push_text(&mut json, self.name());
        }
        if !self.may_retry() {
            json.push_str(r#","should_retry":false"#);
        }
        if let Some(after) = self.retry_after_ms() {
            json.push_str(r#","retry_after_ms":"#);
            push(&mut json, &after);
        }
        json.push('}');
        json.into()
    }
}

/// As a string of JSON.
fn push_text(json: &mut String, text: impl Display) {
    json.push('"');
    let start = json.len();
    push(json, &text);
    let needs_escape = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    if json.as_bytes()[start..].iter().any(needs_escape) {
        let text = json.split_off(start);
        let text = serde_json::to_string(&text).expect("text is always JSON");
        json.push_str(&text[1..]);
    } else {
        json.push('"');
    }
}

fn push(json: &mut String, value: &impl Display) {
    write!(json, "{value}").expect("a string takes all there is");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Map, Value, json};

    use super::*;
    use crate::{
        common::name::Name,
        rejection::{Kind, Phase},
    };

    fn read(rejection: &Rejection) -> Map<String, Value> {
        serde_json::from_slice(&rejection.to_problem_json()).expect("it is JSON")
    }

    #[test]
    fn every_kind_is_an_object_that_says_what_the_rejection_says() {
        let kinds = [
            Kind::BulkheadFull { limit: 7 },
            Kind::ConcurrencyLimited { limit: 7 },
            Kind::CircuitOpen,
            Kind::DeadlineExpired,
            Kind::DeadlineExceeded {
                phase: Phase::Head,
                after: Duration::from_micros(1500),
            },
            Kind::FaultInjected,
            Kind::IdempotencyConflict,
            Kind::IdempotencyKey {
                problem: "is \"odd\"\\",
            },
            Kind::IdempotencyMismatch,
            Kind::NoEndpoint,
            Kind::Overloaded { reason: "a\nqueue" },
            Kind::Panicked,
            Kind::QueueTimeout {
                waited: Duration::from_micros(2),
            },
            Kind::RateLimited,
            Kind::ShuttingDown,
            Kind::Throttled,
        ];
        for kind in kinds {
            for (name, after) in [
                ("", None),
                ("a \"name\"\u{1}é", Some(Duration::from_nanos(1))),
            ] {
                let rejection = Rejection::new(kind.clone(), "layer", Name::new(name));
                let rejection = rejection.with_retry_after(after);
                let mut expected = Map::from_iter([
                    (
                        "type".to_owned(),
                        json!(format!("urn:tower-keep:rejection:{}", kind.as_str())),
                    ),
                    ("title".to_owned(), json!(kind.title())),
                    ("status".to_owned(), json!(rejection.status().as_u16())),
                    ("detail".to_owned(), json!(kind.to_string())),
                    ("layer".to_owned(), json!("layer")),
                ]);
                let mut also = |is: bool, key: &str, value: Value| {
                    if is {
                        expected.insert(key.to_owned(), value);
                    }
                };
                also(rejection.is_unexecuted(), "executed", json!(false));
                also(!name.is_empty(), "name", json!(name));
                also(!rejection.may_retry(), "should_retry", json!(false));
                also(after.is_some(), "retry_after_ms", json!(1));
                assert_eq!(read(&rejection), expected, "{kind:?}");
            }
        }
    }
}
