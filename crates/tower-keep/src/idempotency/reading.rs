//! Reads answers that are to be kept, and requests that are to be compared.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Body as HttpBody;

use super::{StoredAnswer, fingerprint::Press};
use crate::{
    BoxError,
    common::answer::{Answer, ReadAhead, Recorder},
    protocol::End,
};

/// Reads a body ahead to its end. The answer that it makes; none if it is too large to keep, or
/// breaks off.
pub(super) fn poll_whole<B>(
    body: &mut ReadAhead<B>,
    recorder: &mut Recorder,
    cx: &mut Context<'_>,
) -> Poll<Option<Answer>>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
{
    loop {
        let end = match ready!(body.poll_ahead(cx)) {
            Some(Ok(frame)) => match (frame.data_ref(), frame.trailers_ref()) {
                (Some(data), _) => {
                    recorder.on_frame(data);
                    if recorder.is_over() {
                        return Poll::Ready(None);
                    }
                    continue;
                }
                (None, trailers) => End::Complete { trailers },
            },
            Some(Err(_)) => return Poll::Ready(None),
            None => End::COMPLETE,
        };
        return Poll::Ready(recorder.end(end));
    }
}

/// Reads the body of a request to see whether it is the one that was answered.
pub(super) fn poll_same<B: HttpBody<Data = Bytes>>(
    mut body: Pin<&mut B>,
    read: &mut usize,
    press: &mut Option<Press>,
    stored: &StoredAnswer,
    most: usize,
    cx: &mut Context<'_>,
) -> Poll<bool> {
    let Some(expected) = stored.fingerprint() else {
        return Poll::Ready(true);
    };
    while let Some(frame) = ready!(body.as_mut().poll_frame(cx)) {
        let Ok(frame) = frame else {
            return Poll::Ready(false);
        };
        if let (Some(data), Some(press)) = (frame.data_ref(), press.as_mut()) {
            *read += data.len();
            press.add(data);
        }
        if *read > most {
            return Poll::Ready(false);
        }
    }
    let press = press.take().expect("it ends once");
    Poll::Ready(press.finish() == expected)
}
