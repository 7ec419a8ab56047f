use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use tower_service::Service;

use super::failure::Failure;
use crate::{BoxError, Event};

/// One try: the service is asked, and its answer, error or panic is understood.
pub(super) async fn attempt<S>(service: S, event: Event) -> Result<(), Failure>
where
    S: Service<Event, Response = (), Error: Into<BoxError>>,
{
    match caught(asked(service, event)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure::of(&error)),
        Err(message) => Err(Failure::Transient {
            reason: format!("the handler panicked: {message}"),
            after: None,
        }),
    }
}

async fn asked<S>(mut service: S, event: Event) -> Result<(), BoxError>
where
    S: Service<Event, Response = (), Error: Into<BoxError>>,
{
    poll_fn(|cx| service.poll_ready(cx))
        .await
        .map_err(Into::into)?;
    service.call(event).await.map_err(Into::into)
}

/// The message of its panic, if it panics. It is not polled again then.
async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(message_of(&*panic))),
        },
    )
    .await
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
