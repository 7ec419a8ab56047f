use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body as HttpBody;

use super::{Answer, end_to_end};
use crate::{
    protocol::{End, Wire},
    rejection::Rejection,
};

/// Watches an answer go by and keeps it, as long as it is small.
///
/// Three calls, as a [`Guard`](crate::protocol::Guard) gets them: `start` before the answer is held,
/// `on_frame` for each frame, `end` at the end. A recorder that is dropped before that keeps nothing,
/// and so does one whose answer grew too large, from that moment on.
///
/// ```text
/// let recorder = Recorder::start(wire, &response, 64 * 1024);   // None: there is no point in it
/// recorder.on_frame(data);
/// let answer = recorder.end(end);                               // None: not whole, or too large
/// ```
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Gone once the answer is known not to be kept.
    answer: Option<Answer>,
    cap: usize,
    /// What the head says about the length.
    announced: Option<usize>,
}

impl Recorder {
    /// Begins with the head, and copies it. `None` if the answer says of itself that it is longer than
    /// `cap` bytes, or is none that can be given again: an upgrade, or a part of a whole.
    pub(crate) fn start<B: HttpBody>(
        wire: Wire,
        response: &Response<B>,
        cap: usize,
    ) -> Option<Self> {
        let status = response.status();
        if status.is_informational() || status == StatusCode::PARTIAL_CONTENT {
            return None;
        }
        if response.body().size_hint().lower() > cap as u64 {
            return None;
        }
        let has_body = wire != Wire::HeadOnly && status != StatusCode::NOT_MODIFIED;
        let announced = if has_body {
            announced(response.headers())
        } else {
            None
        };
        if announced.is_some_and(|length| length > cap) {
            return None;
        }
        let mut headers = response.headers().clone();
        end_to_end(&mut headers);
        Some(Self {
            answer: Some(Answer {
                status,
                version: response.version(),
                headers,
                body: Vec::new(),
                len: 0,
                trailers: None,
                rejection: Rejection::of(response).cloned(),
            }),
            cap,
            announced,
        })
    }

    /// A frame went by. Keeps it without copying it; lets everything go if it is one too many.
    pub(crate) fn on_frame(&mut self, data: &Bytes) {
        if let Some(answer) = &mut self.answer
            && !data.is_empty()
        {
            answer.len += data.len();
            if answer.len > self.cap {
                self.answer = None;
            } else {
                answer.body.push(data.clone());
            }
        }
    }

    /// Whether what went by was too large, so that nothing comes out any more.
    pub(crate) fn is_over(&self) -> bool {
        self.answer.is_none()
    }

    /// The answer, if it is whole: it ended, within the cap, and is as long as its head says.
    pub(crate) fn end(&mut self, end: End<'_>) -> Option<Answer> {
        let mut answer = self.answer.take()?;
        let End::Complete { trailers } = end else {
            return None;
        };
        if self.announced.is_some_and(|length| length != answer.len) {
            return None;
        }
        answer.trailers = trailers.cloned();
        Some(answer)
    }
}

/// The `Content-Length`, if it is one.
fn announced(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
