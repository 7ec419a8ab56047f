//! Idempotency by key, after the IETF draft `Idempotency-Key`: the same request with the same key
//! has its effect once and gets the same answer, success or refusal.
//!
//! The key is written in the transaction that writes the effect, so neither exists without the
//! other. A service whose effect is one transaction calls [`begin`] and [`finish`] in it. A service
//! whose work goes on after the commit (an order calls its peers) finishes in a later transaction;
//! until then the key answers 409, and once the lease has passed without an answer (the process
//! died) whoever repeats the request takes the work over.

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    db::{Db, Tx, micros, now_micros},
    problem::{PROBLEM_JSON, Problem},
};

/// The table behind this module; a service adds it to its schema.
pub const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS idempotency (
    scope TEXT NOT NULL, idempotency_key TEXT NOT NULL, fingerprint TEXT NOT NULL,
    subject TEXT NOT NULL, leased_until BIGINT NOT NULL, created_at BIGINT NOT NULL,
    status BIGINT, location TEXT, body TEXT, PRIMARY KEY (scope, idempotency_key))";

/// How long an answer is kept: a day, as payment providers do. [`forget_old`] removes older ones.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

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

/// One request under its key.
#[derive(Debug, Clone)]
pub struct Keyed {
    scope: &'static str,
    key: String,
    fingerprint: String,
}

impl Keyed {
    /// The request of `scope` (method and route) with this `payload`. Payloads that mean the same
    /// have the same fingerprint, however they were spaced.
    #[must_use]
    pub fn new(scope: &'static str, key: IdempotencyKey, payload: &impl Serialize) -> Self {
        let payload = serde_json::to_vec(payload).expect("a request is plain data");
        let digest = Sha256::new()
            .chain_update(scope)
            .chain_update([0])
            .chain_update(payload)
            .finalize();
        let fingerprint = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            scope,
            key: key.0,
            fingerprint,
        }
    }
}

/// What [`begin`] found under the key.
#[derive(Debug, PartialEq)]
pub enum Begun {
    /// Nothing: do the work.
    Fresh,
    /// The work on this subject was begun and never answered; the lease is yours now.
    Abandoned(String),
    /// The answer of last time.
    Answered(Answer),
}

/// Takes the key, or says what is there already. `subject` names what the request works on; it
/// comes back in [`Begun::Abandoned`]. The lease matters only to work that outlives this
/// transaction.
///
/// # Errors
/// 422 when the key came with another payload, 409 with `Retry-After` while the first request
/// still runs, 500 when the database fails.
pub async fn begin(
    tx: &mut Tx,
    keyed: &Keyed,
    subject: &str,
    lease: Duration,
) -> Result<Begun, Problem> {
    let now = now_micros();
    let leased_until = now.saturating_add(micros(lease));
    let taken = sqlx::query(
        "INSERT INTO idempotency (scope, idempotency_key, fingerprint, subject, leased_until, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(keyed.scope)
    .bind(&keyed.key)
    .bind(&keyed.fingerprint)
    .bind(subject)
    .bind(leased_until)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(Begun::Fresh);
    }
    let (fingerprint, subject, running_until, status, location, body): Row = sqlx::query_as(
        "SELECT fingerprint, subject, leased_until, status, location, body
         FROM idempotency WHERE scope = $1 AND idempotency_key = $2",
    )
    .bind(keyed.scope)
    .bind(&keyed.key)
    .fetch_one(&mut **tx)
    .await?;
    if fingerprint != keyed.fingerprint {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "this Idempotency-Key was used for a request with another payload",
        )
        .field("Idempotency-Key")
        .remedy("send a fresh key with the new payload"));
    }
    if let (Some(status), Some(body)) = (status, body) {
        let status = u16::try_from(status).unwrap_or(500);
        let body = serde_json::from_str(&body).unwrap_or(Value::Null);
        return Ok(Begun::Answered(Answer {
            status,
            location,
            body,
            replayed: true,
        }));
    }
    if running_until > now {
        let left = Duration::from_micros(running_until.abs_diff(now)).min(Duration::from_secs(1));
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "request-in-progress",
            "the first request with this Idempotency-Key is still running",
        )
        .field("Idempotency-Key")
        .remedy("repeat the request after the Retry-After seconds")
        .retry_after(left));
    }
    // The comparison lets one of several repeaters take over.
    let taken = sqlx::query(
        "UPDATE idempotency SET leased_until = $1
         WHERE scope = $2 AND idempotency_key = $3 AND leased_until = $4",
    )
    .bind(leased_until)
    .bind(keyed.scope)
    .bind(&keyed.key)
    .bind(running_until)
    .execute(&mut **tx)
    .await?;
    if taken.rows_affected() == 0 {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "request-in-progress",
            "a repeat of this request is running",
        )
        .field("Idempotency-Key")
        .retry_after(lease));
    }
    Ok(Begun::Abandoned(subject))
}

/// Records the answer under the key.
///
/// # Errors
/// The database fails.
pub async fn finish(tx: &mut Tx, keyed: &Keyed, answer: &Answer) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE idempotency SET status = $1, location = $2, body = $3
         WHERE scope = $4 AND idempotency_key = $5",
    )
    .bind(i64::from(answer.status))
    .bind(&answer.location)
    .bind(answer.body.to_string())
    .bind(keyed.scope)
    .bind(&keyed.key)
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Removes answers older than [`KEPT`]; a service calls it when it starts.
///
/// # Errors
/// The database fails.
pub async fn forget_old(db: &Db) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM idempotency WHERE created_at < $1 AND status IS NOT NULL")
        .bind(now_micros().saturating_sub(micros(KEPT)))
        .execute(db.pool())
        .await
        .map(drop)
}

type Row = (
    String,
    String,
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
);

/// An answer that can be kept and given again.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    status: u16,
    location: Option<String>,
    body: Value,
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::testing::TestDb;

    const LEASE: Duration = Duration::from_secs(60);

    fn keyed(key: &str, payload: &Value) -> Keyed {
        Keyed::new("POST /things", IdempotencyKey(key.to_owned()), payload)
    }

    #[tokio::test]
    async fn the_key_matrix_holds_on_sqlite() {
        matrix(&TestDb::sqlite(&[SCHEMA]).await.db).await;
    }

    #[tokio::test]
    async fn the_key_matrix_holds_on_postgres() {
        let Some(test) = TestDb::postgres(&[SCHEMA]).await else {
            return;
        };
        matrix(&test.db).await;
        test.drop().await;
    }

    async fn matrix(db: &Db) {
        let request = keyed("a", &json!({"n": 1}));
        let answer =
            Answer::new(StatusCode::CREATED, &json!({"id": 7})).location("/things/7".into());

        let mut tx = db.begin_write().await.unwrap();
        assert_eq!(
            begin(&mut tx, &request, "t7", LEASE).await.unwrap(),
            Begun::Fresh
        );
        tx.commit().await.unwrap();

        let mut tx = db.begin_write().await.unwrap();
        let running = begin(&mut tx, &request, "t7", LEASE).await.unwrap_err();
        assert_eq!((running.status, running.retry_after.is_some()), (409, true));
        let other = begin(&mut tx, &keyed("a", &json!({"n": 2})), "t7", LEASE)
            .await
            .unwrap_err();
        assert_eq!(other.status, 422);
        finish(&mut tx, &request, &answer).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = db.begin_write().await.unwrap();
        let Begun::Answered(again) = begin(&mut tx, &request, "t8", LEASE).await.unwrap() else {
            panic!("the answer was recorded");
        };
        let response = again.into_response();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["idempotent-replayed"], "true");
        assert_eq!(response.headers()["location"], "/things/7");

        // A rolled back effect takes its key with it.
        drop(tx);
        let mut tx = db.begin_write().await.unwrap();
        begin(&mut tx, &keyed("b", &json!({})), "t9", LEASE)
            .await
            .unwrap();
        tx.rollback().await.unwrap();
        let mut tx = db.begin_write().await.unwrap();
        assert_eq!(
            begin(&mut tx, &keyed("b", &json!({})), "t9", LEASE)
                .await
                .unwrap(),
            Begun::Fresh
        );
        tx.commit().await.unwrap();

        // A lease that ran out is taken over once.
        let mut tx = db.begin_write().await.unwrap();
        begin(&mut tx, &keyed("c", &json!({})), "t10", Duration::ZERO)
            .await
            .unwrap();
        let taken = begin(&mut tx, &keyed("c", &json!({})), "t11", LEASE)
            .await
            .unwrap();
        assert_eq!(taken, Begun::Abandoned("t10".to_owned()));
        assert_eq!(
            begin(&mut tx, &keyed("c", &json!({})), "t11", LEASE)
                .await
                .unwrap_err()
                .status,
            409
        );
        tx.commit().await.unwrap();
        forget_old(db).await.unwrap();
    }

    #[tokio::test]
    async fn of_many_at_once_with_one_key_exactly_one_does_the_work() {
        let test = Arc::new(TestDb::sqlite(&[SCHEMA]).await);
        race(&test.db).await;
        if let Some(test) = TestDb::postgres(&[SCHEMA]).await {
            race(&test.db).await;
            test.drop().await;
        }
    }

    async fn race(db: &Db) {
        let racers: Vec<_> = (0..8)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    let request = keyed("race", &json!({}));
                    let mut tx = db.begin_write().await.unwrap();
                    let begun = begin(&mut tx, &request, "s", LEASE).await.unwrap();
                    finish(&mut tx, &request, &Answer::new(StatusCode::OK, &json!({})))
                        .await
                        .unwrap();
                    tx.commit().await.unwrap();
                    begun == Begun::Fresh
                })
            })
            .collect();
        let mut fresh = 0;
        for racer in racers {
            fresh += i32::from(racer.await.unwrap());
        }
        assert_eq!(fresh, 1);
    }
}
