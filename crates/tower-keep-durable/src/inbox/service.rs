use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{Handler, HandlerError, remember};
use crate::{BoxError, Db, Event, Outbox};

/// A [`Handler`] as a tower service: begin, note the event, handle, commit. Clones share the handler.
///
/// A call that is dropped, by a timeout or a kill, is rolled back.
pub struct Inbox<H> {
    db: Db,
    outbox: Option<Outbox>,
    handler: Arc<H>,
}

impl<H: Handler> Inbox<H> {
    /// `handler` on `db`, which was opened with [`SCHEMA`](super::SCHEMA).
    #[must_use]
    pub fn new(db: Db, handler: H) -> Self {
        Self {
            db,
            outbox: None,
            handler: Arc::new(handler),
        }
    }

    /// Wakes this outbox's relay after each commit, for handlers that append.
    #[must_use]
    pub fn waking(mut self, outbox: Outbox) -> Self {
        self.outbox = Some(outbox);
        self
    }

    async fn handle(self, event: Event) -> Result<(), HandlerError> {
        let mut tx = self.db.begin_write().await?;
        if remember(&mut tx, self.db.clock(), H::NAME, &event).await? {
            self.handler.handle(&mut tx, &event).await?;
            tx.commit().await?;
            if let Some(outbox) = &self.outbox {
                outbox.wake();
            }
        }
        Ok(())
    }
}

impl<H: Handler> Service<Event> for Inbox<H> {
    type Response = ();
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: Event) -> Self::Future {
        let inbox = self.clone();
        Box::pin(async move { inbox.handle(event).await.map_err(BoxError::from) })
    }
}

// By hand: the handler need not be `Clone`, nor `Debug`.
impl<H> Clone for Inbox<H> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            outbox: self.outbox.clone(),
            handler: self.handler.clone(),
        }
    }
}

impl<H: Handler> fmt::Debug for Inbox<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("consumer", &H::NAME)
            .finish_non_exhaustive()
    }
}
