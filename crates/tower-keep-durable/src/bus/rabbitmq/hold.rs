use std::time::Duration;

use lapin::{
    Acker,
    options::{BasicAckOptions, BasicNackOptions},
};
use tokio::{
    runtime::Handle,
    select,
    sync::watch,
    time::{sleep, timeout},
};

use crate::bus::{Acknowledge, Boxed, BusError};

/// The longest a delivery is held for a delay: well below the server's `consumer_timeout`.
const LONGEST_DELAY: Duration = Duration::from_mins(10);

/// How long an acknowledgement may take to be written.
const PATIENCE: Duration = Duration::from_secs(5);

/// A message that the server has given to us until the connection ends.
pub(super) struct Hold {
    pub(super) acker: Option<Acker>,
    /// Closed when the connection is gone.
    pub(super) ended: watch::Receiver<()>,
}

impl Hold {
    /// Whether the server still takes us for the one that has it.
    fn is_ours(&self) -> bool {
        let usable = self.acker.as_ref().is_some_and(Acker::usable);
        usable && self.ended.has_changed().is_ok()
    }

    /// Tells the server that it may forget the message. Cancelled before it was told, it gets the
    /// message back.
    async fn done(&mut self) -> Result<(), BusError> {
        let acker = self.acker.as_ref().filter(|_| self.is_ours());
        let acker = acker.ok_or(BusError::TakenOver)?;
        // On a connection that has just broken it may never end.
        let told = timeout(PATIENCE, acker.ack(BasicAckOptions::default())).await;
        self.acker = None;
        match told {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(BusError::TakenOver),
            Ok(Err(error)) => Err(BusError::unavailable(error)),
            Err(late) => Err(BusError::unavailable(late)),
        }
    }

    /// It is not for us; the partition goes on.
    pub(super) async fn pass_over(mut self) {
        // Not told it comes once more, and is passed over once more.
        let _ = self.done().await;
    }
}

async fn again(acker: Acker) {
    let requeue = BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    };
    // Without a connection the server has it back already.
    let _ = acker.nack(requeue).await;
}

impl Acknowledge for Hold {
    fn ack(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(self.done())
    }

    fn nack(&mut self, delay: Duration) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async move {
            let ours = self.is_ours();
            let acker = self.acker.take().filter(|_| ours);
            let acker = acker.ok_or(BusError::TakenOver)?;
            let mut ended = self.ended.clone();
            // Holding it is what blocks the partition.
            tokio::spawn(async move {
                select! {
                    () = sleep(delay.min(LONGEST_DELAY)) => again(acker).await,
                    _ = ended.changed() => {}
                }
            });
            Ok(())
        })
    }

    fn progress(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async {
            if self.is_ours() {
                Ok(())
            } else {
                Err(BusError::TakenOver)
            }
        })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let (Some(acker), Ok(runtime)) = (self.acker.take(), Handle::try_current()) {
            runtime.spawn(again(acker));
        }
    }
}
