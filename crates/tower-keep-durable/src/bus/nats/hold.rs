use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use super::super::{Acknowledge, Boxed, BusError};

/// A message that the server has given to us for a while.
pub(super) struct Hold {
    message: Option<Message>,
    lease: Duration,
    /// The server may give it to another from here on.
    until: Instant,
}

impl Hold {
    pub(super) fn new(message: Message, lease: Duration) -> Self {
        // A tenth earlier than the server: its clock runs since it sent the message.
        let lease = lease - lease / 10;
        Self {
            message: Some(message),
            lease,
            until: Instant::now() + lease,
        }
    }

    /// Whether so much of its time is over that it should be prolonged before a handler gets it.
    pub(super) fn is_old(&self) -> bool {
        Instant::now() + self.lease - self.lease / 4 > self.until
    }

    /// Tells the server and waits until it says that it knows.
    async fn tell(&self, kind: AckKind) -> Result<(), BusError> {
        let message = self.message.as_ref().ok_or(BusError::TakenOver)?;
        if Instant::now() >= self.until {
            return Err(BusError::TakenOver);
        }
        match timeout_at(self.until, message.double_ack_with(kind)).await {
            Ok(told) => told.map_err(BusError::unavailable),
            Err(_) => Err(BusError::TakenOver),
        }
    }
}

impl Acknowledge for Hold {
    fn ack(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async {
            let told = self.tell(AckKind::Ack).await;
            self.message = None;
            told
        })
    }

    fn nack(&mut self, delay: Duration) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async move {
            let told = self.tell(AckKind::Nak(Some(delay))).await;
            self.message = None;
            told
        })
    }

    fn progress(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async {
            let now = Instant::now();
            self.tell(AckKind::Progress).await?;
            self.until = now + self.lease;
            Ok(())
        })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Given back at once; if that cannot be said, the server finds out after the lease.
        if let (Some(message), Ok(runtime)) = (self.message.take(), Handle::try_current())
            && Instant::now() < self.until
        {
            runtime.spawn(async move {
                let _ = message.ack_with(AckKind::Nak(None)).await;
            });
        }
    }
}
