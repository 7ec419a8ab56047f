use std::{fmt, time::Duration};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};
use tower_keep::idempotency::{Begun, Id, Store, StoredAnswer};

use super::{Answer, Key, KeyError, Keys, Lease, take::Found};
use crate::{BoxError, Db, bus::Boxed, db::micros, idempotency::row};

/// How often a request that waits for another's answer looks for it: soon at first, then less often.
const LOOK: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(250)];

/// Keeps the keys and answers of tower-keep's `IdempotencyLayer` in the database, so that they hold
/// across processes and restarts. A clone is the same store.
///
/// While a request is executed its key has a lease, which is renewed. A process that dies leaves it
/// behind; once it has run out the next request with the key is executed. What the layer alone can
/// promise ends there: if the effect was committed and the process died before the answer was kept,
/// it is executed twice. The handler closes that gap: it takes its [`Ticket`](super::Ticket) from
/// the extensions of the request and calls [`Keys::finish`] in the transaction of its effect. Then
/// key, effect and answer are there together or not at all; and a handler whose key was taken over
/// meanwhile is told to roll back.
///
/// Until the layer has kept the answer too, a request after a crash is not compared with the one
/// that was executed: the fingerprint is taken by the layer. A cancelled key counts as executed
/// without an answer.
#[derive(Clone)]
pub struct SqlStore {
    db: Db,
    keys: Keys,
    lease: Duration,
}

impl SqlStore {
    /// A store in this database, with leases of 30 s: longer than a database is away when it is
    /// restarted, and short enough for a client to wait after a crash.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self {
            db: db.clone(),
            keys: Keys::new(db),
            lease: Duration::from_secs(30),
        }
    }

    /// With leases of this length. It is renewed three times in its length.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// What is under the key now, which is taken if it is free.
    async fn look(&self, key: &Key) -> Result<Begun<Lease>, BoxError> {
        let mut tx = self.db.begin_write().await?;
        let found = self.keys.take(&mut tx, key, None, "", self.lease).await?;
        let ticket = match found {
            Found::Fresh(ticket) => Some(ticket),
            Found::Running { left, owner, .. } if left.is_zero() => {
                self.keys
                    .take_over(&mut tx, key, &owner, self.lease)
                    .await?
            }
            Found::Running { .. } => None,
            Found::Cancelled | Found::Ended { answer: None, .. } => return Ok(Begun::Executed),
            Found::Ended {
                answer: Some(answer),
                fingerprint,
            } => {
                let (status, headers) = head(&answer)?;
                let stored = StoredAnswer::new(status, headers, answer.body, fingerprint);
                return Ok(Begun::Answered(stored));
            }
        };
        let Some(ticket) = ticket else {
            return Ok(Begun::Running);
        };
        // Before the commit: dropped during it, the key is freed as well.
        let lease = Lease::new(self.db.clone(), ticket, self.lease);
        tx.commit().await?;
        Ok(Begun::Fresh(lease))
    }
}

impl Store for SqlStore {
    type Ticket = Lease;
    type Begin = Boxed<'static, Result<Begun<Lease>, BoxError>>;
    type Finish = Boxed<'static, Result<(), BoxError>>;

    fn begin(&self, id: Id, max_wait: Duration) -> Self::Begin {
        let (store, key) = (self.clone(), Key::from(id));
        let until = Instant::now() + max_wait;
        Box::pin(async move {
            let [mut wait, longest] = LOOK;
            loop {
                let begun = store.look(&key).await?;
                let left = until.saturating_duration_since(Instant::now());
                if !matches!(begun, Begun::Running) || left.is_zero() {
                    return Ok(begun);
                }
                // Elapsed or not, it looks once more.
                let _ = timeout_at(until, sleep(wait)).await;
                wait = longest.min(wait * 2);
            }
        })
    }

    fn finish(
        &self,
        lease: Lease,
        answer: Option<StoredAnswer>,
        keep_for: Duration,
    ) -> Self::Finish {
        let store = self.clone();
        Box::pin(async move {
            let fingerprint = answer.as_ref().and_then(StoredAnswer::fingerprint);
            // What the handler recorded is replaced by what was really sent, and never by nothing.
            let again = answer.is_some();
            let answer = answer.map(|answer| data(&answer));
            let expires_at = store.keys.clock.now().saturating_add(micros(keep_for));
            let mut tx = store.db.begin_write().await?;
            let ticket = lease.ticket();
            let ended = row::record(
                &mut tx,
                ticket,
                answer.as_ref(),
                fingerprint,
                expires_at,
                again,
            )
            .await?;
            if !ended && (again || !row::ended_by(&mut tx, ticket).await?) {
                return Err(KeyError::TakenOver.into());
            }
            tx.commit().await?;
            lease.end();
            Ok(())
        })
    }

    fn announce(&self, lease: &Lease, extensions: &mut Extensions) {
        extensions.insert(lease.ticket().clone());
    }
}

/// An answer as it is kept. Values of headers are bytes; each is kept as the character of its number.
fn data(answer: &StoredAnswer) -> Answer {
    let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
    let headers = answer.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value)));
    Answer {
        status: answer.status().as_u16(),
        headers: headers.collect(),
        body: answer.body(),
        replayed: false,
    }
}

fn head(answer: &Answer) -> Result<(StatusCode, HeaderMap), BoxError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        let bytes: Vec<u8> = value.chars().map(u8::try_from).collect::<Result<_, _>>()?;
        headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(bytes)?);
    }
    Ok((StatusCode::from_u16(answer.status)?, headers))
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore")
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
