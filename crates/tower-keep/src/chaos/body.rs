use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::Frame;
use pin_project::pin_project;
use tokio::time::Sleep;

use super::{
    Fault, LAYER,
    shared::{Place, Suffering},
};
use crate::{
    common::name::Name,
    protocol::{End, Guard, PolledFrame},
    rejection::{Kind, Rejection},
};

/// Stands in the body of an answer that suffers, and keeps the call's place among those that do.
#[pin_project]
#[derive(Debug)]
pub struct ChaosGuard {
    #[pin]
    harm: Harm,
    name: Name,
    _place: Option<Place>,
}

#[pin_project(project = Projected)]
#[derive(Debug)]
enum Harm {
    None,
    /// So many bytes until the end.
    Truncate(u64),
    /// So many bytes until the error.
    Reset(u64),
    Drip {
        bytes_per_second: u64,
        #[pin]
        pause: Option<Sleep>,
    },
    MissingTrailers,
}

impl ChaosGuard {
    /// For a call that is as it should be.
    pub(super) const fn none() -> Self {
        Self {
            harm: Harm::None,
            name: Name::EMPTY,
            _place: None,
        }
    }

    pub(super) fn new(suffering: Suffering, name: Name) -> Self {
        let harm = match suffering.fault {
            Fault::Truncate(bytes) => Harm::Truncate(bytes),
            Fault::Reset(bytes) => Harm::Reset(bytes),
            Fault::Drip(bytes_per_second) => Harm::Drip {
                bytes_per_second,
                pause: None,
            },
            Fault::MissingTrailers => Harm::MissingTrailers,
            Fault::Latency { .. } | Fault::Status(_) | Fault::Error => Harm::None,
        };
        Self {
            harm,
            name,
            _place: Some(suffering.place),
        }
    }
}

impl Guard for ChaosGuard {
    const INTERCEPTS: bool = true;

    fn end(self: Pin<&mut Self>, _: End<'_>) {}

    fn intercept(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> PolledFrame,
    ) -> PolledFrame {
        let this = self.project();
        match this.harm.project() {
            Projected::None => poll(cx),
            Projected::Truncate(0) => Poll::Ready(None),
            Projected::Reset(0) => {
                let rejection = Rejection::new(Kind::FaultInjected, LAYER, *this.name);
                Poll::Ready(Some(Err(rejection.into())))
            }
            Projected::Truncate(left) | Projected::Reset(left) => {
                poll(cx).map(|frame| frame.map(|frame| frame.map(|frame| cut(frame, left))))
            }
            Projected::Drip {
                bytes_per_second,
                mut pause,
            } => {
                if let Some(sleep) = pause.as_mut().as_pin_mut() {
                    ready!(sleep.poll(cx));
                }
                let frame = ready!(poll(cx));
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok());
                let bytes = data.and_then(Frame::data_ref).map_or(0, Bytes::len);
                let time = Duration::from_secs_f64(bytes as f64 / *bytes_per_second as f64);
                pause.set(Some(tokio::time::sleep(time)));
                Poll::Ready(frame)
            }
            Projected::MissingTrailers => match ready!(poll(cx)) {
                Some(Ok(frame)) if frame.is_trailers() => Poll::Ready(None),
                frame => Poll::Ready(frame),
            },
        }
    }
}

/// As much of a frame as there may still be.
fn cut(frame: Frame<Bytes>, left: &mut u64) -> Frame<Bytes> {
    frame.map_data(|mut data| {
        data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
        *left -= data.len() as u64;
        data
    })
}
