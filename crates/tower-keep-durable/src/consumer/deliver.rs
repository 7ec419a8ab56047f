use std::{sync::Arc, time::Duration};

use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tower_service::Service;

use super::{
    ConsumerError,
    admit::{Admission, Tries},
    attempt::attempt,
    beat,
    failure::Failure,
    shared::Shared,
};
use crate::{BoxError, Event, bus::Delivery, dead_letters::Parked, observe};

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The handler has done its part, now or before.
    Handled,
    /// It failed and comes again.
    Again {
        /// After this time.
        delay: Duration,
    },
    /// A layer turned it away; it comes again, and no attempt is counted.
    NotSent {
        /// After this time.
        delay: Duration,
    },
    /// It is a dead letter now.
    Buried,
    /// It waits behind a dead letter of its key.
    Parked,
    /// It is a letter already: a duplicate.
    Known,
    /// Another member of the group has it; the handler was cut off.
    TakenOver,
}

impl Outcome {
    /// As it is called where it is observed.
    fn as_str(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Again { .. } => "again",
            Self::NotSent { .. } => "not_sent",
            Self::Buried => "buried",
            Self::Parked => "parked",
            Self::Known => "known",
            Self::TakenOver => "taken_over",
        }
    }
}

/// Takes a delivery from its arrival to its end, in a span of its own. Dropped at any point, the bus delivers it again.
///
/// `room` is given up when the handler has ended: while the bus writes that down, another event may
/// be handled. The bus bounds how many wait for that, since it gives out one of a partition at a time.
pub(super) async fn deliver<S>(
    shared: Arc<Shared>,
    service: S,
    delivery: Delivery,
    room: Option<OwnedSemaphorePermit>,
) -> Result<Outcome, ConsumerError>
where
    S: Service<Event, Response = (), Error: Into<BoxError>>,
{
    let span = observe::handle_span(&shared.name, delivery.event(), delivery.attempt());
    let ended = span.around(end(shared, service, delivery, room)).await;
    span.outcome(ended.as_ref().map_or("failed", |outcome| outcome.as_str()));
    ended
}

async fn end<S>(
    shared: Arc<Shared>,
    service: S,
    mut delivery: Delivery,
    room: Option<OwnedSemaphorePermit>,
) -> Result<Outcome, ConsumerError>
where
    S: Service<Event, Response = (), Error: Into<BoxError>>,
{
    let event = delivery.event().clone();
    let tries = match shared.admit(&delivery).await {
        Ok(Admission::Handle(tries)) => tries,
        Ok(Admission::Parked(parked)) => {
            delivery.ack().await?;
            return Ok(match parked {
                Parked::Now => Outcome::Parked,
                Parked::Before => Outcome::Known,
            });
        }
        Err(error) => return Err(not_now(&shared, delivery, error).await),
    };
    if tries.attempts > shared.config.max_attempts {
        let reason = format!(
            "the process ended, or was cut off, in each of {} attempts",
            shared.config.max_attempts
        );
        return bury(&shared, delivery, &event, tries, &reason).await;
    }
    let began = Instant::now();
    let beats = beat::of_delivery(&shared, &mut delivery);
    let tried = beat::during(beats, attempt(service, event.clone())).await;
    let ended = match &tried {
        None => "taken_over",
        Some(Ok(())) => "handled",
        Some(Err(Failure::Poison(_))) => "poison",
        Some(Err(Failure::Transient { .. })) => "failed",
        Some(Err(Failure::NotSent { .. })) => "not_sent",
    };
    observe::handled(&shared.name, ended, began.elapsed());
    let Some(tried) = tried else {
        return Ok(Outcome::TakenOver);
    };
    drop(room);
    match tried {
        Ok(()) => {
            if tries.attempts > 1
                && let Err(error) = shared.forget(&event).await
            {
                observe::failed("consumer", &error.into());
            }
            delivery.ack().await?;
            Ok(Outcome::Handled)
        }
        Err(Failure::Poison(reason)) => bury(&shared, delivery, &event, tries, &reason).await,
        Err(Failure::Transient { reason, .. }) if tries.attempts >= shared.config.max_attempts => {
            bury(&shared, delivery, &event, tries, &reason).await
        }
        Err(Failure::Transient { reason, after }) => {
            let delay = after.unwrap_or_else(|| shared.config.backoff.random_delay(tries.attempts));
            observe::again(&shared.name, event.id(), tries.attempts, &reason);
            delivery.nack(delay).await?;
            Ok(Outcome::Again { delay })
        }
        Err(Failure::NotSent { reason, after }) => {
            let delay = after.unwrap_or(shared.config.not_sent);
            observe::again(&shared.name, event.id(), 0, &reason);
            if let Err(error) = shared.uncount(&event).await {
                return Err(not_now(&shared, delivery, error).await);
            }
            delivery.nack(delay).await?;
            Ok(Outcome::NotSent { delay })
        }
    }
}

async fn bury(
    shared: &Shared,
    delivery: Delivery,
    event: &Event,
    tries: Tries,
    reason: &str,
) -> Result<Outcome, ConsumerError> {
    let buried = match shared.bury(event, tries, reason).await {
        Ok(buried) => buried,
        Err(error) => return Err(not_now(shared, delivery, error).await),
    };
    if buried {
        observe::buried(&shared.name, event.id(), reason);
    }
    if let Err(error) = shared.forget(event).await {
        observe::failed("consumer", &error.into());
    }
    delivery.ack().await?;
    Ok(if buried {
        Outcome::Buried
    } else {
        Outcome::Handled
    })
}

/// The database does not do its part: the bus shall deliver again soon, and not only when it takes
/// us for dead.
async fn not_now(shared: &Shared, delivery: Delivery, error: sqlx::Error) -> ConsumerError {
    if let Err(error) = delivery.nack(shared.config.not_sent).await {
        observe::failed("consumer", &error.into());
    }
    error.into()
}
