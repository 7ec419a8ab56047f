use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    lanes::{Handout, Lanes},
    operation::{Change, ClaimId, Operation, Then},
    writer::Writer,
};
use crate::bus::{Acknowledge, Boxed, BusError, Delivery};

/// How a delivery of a table ends.
struct End {
    writer: Writer,
    lanes: Arc<Lanes>,
    claim: ClaimId,
    to: i64,
    last: bool,
    ended: bool,
}

/// The delivery of what was handed out.
pub(super) fn delivery(handout: Handout, lanes: Arc<Lanes>, writer: Writer) -> Delivery {
    let attempt = u32::try_from(handout.attempt).unwrap_or(u32::MAX);
    let end = End {
        writer,
        lanes,
        claim: handout.claim,
        to: handout.to,
        last: handout.last,
        ended: false,
    };
    Delivery::new(handout.event, attempt, Box::new(end)).counted()
}

impl End {
    fn send(&self, change: Change, answer: Option<oneshot::Sender<Result<(), BusError>>>) {
        self.writer.send(Operation::Change {
            lanes: Arc::clone(&self.lanes),
            claim: self.claim,
            change,
            answer,
        });
    }

    fn change(&self, change: Change) -> Boxed<'static, Result<(), BusError>> {
        let (answer, answered) = oneshot::channel();
        self.send(change, Some(answer));
        Box::pin(async {
            answered
                .await
                .unwrap_or_else(|_| Err(BusError::unavailable("the runtime is shutting down")))
        })
    }
}

impl Acknowledge for End {
    fn ack(&mut self) -> Boxed<'_, Result<(), BusError>> {
        self.ended = true;
        let then = match self.last {
            true => Then::GiveBack {
                soon: self.lanes.goes_on(self.claim),
            },
            false => Then::Next,
        };
        self.change(Change::Pass { to: self.to, then })
    }

    fn nack(&mut self, delay: Duration) -> Boxed<'_, Result<(), BusError>> {
        self.ended = true;
        self.change(Change::Retry { delay })
    }

    fn progress(&mut self) -> Boxed<'_, Result<(), BusError>> {
        self.change(Change::Keep)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.ended {
            self.send(Change::GiveBack { untouched: false }, None);
        }
    }
}
