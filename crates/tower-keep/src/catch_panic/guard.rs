use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::shared::Shared;
use crate::protocol::{End, Guard, PolledFrame};

/// Stands in a response body and turns a panic there into its error.
#[derive(Debug)]
pub struct PanicGuard(pub(super) Arc<Shared>);

impl Guard for PanicGuard {
    const INTERCEPTS: bool = true;
    const MINDS_END: bool = false;

    #[inline]
    fn end(self: Pin<&mut Self>, _: End<'_>) {}

    #[inline]
    fn intercept(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> PolledFrame,
    ) -> PolledFrame {
        let mut polled = Poll::Pending;
        match self.0.catch(|| polled = poll(cx)) {
            Ok(()) => polled,
            Err(rejection) => Poll::Ready(Some(Err(rejection.into()))),
        }
    }
}
