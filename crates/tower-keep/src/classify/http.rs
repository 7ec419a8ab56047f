use std::fmt;

use http::{Extensions, HeaderMap, Response, StatusCode};

use super::{
    Hint, Judgment, Retry, Verdict, grpc,
    hints::{should_retry, time_hint},
    retry_hint,
};
use crate::{
    protocol::Wire,
    rejection::{Kind, Phase, Rejection},
};

/// The head of an HTTP response, whatever its body is.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What layers and handlers inside left for us.
    pub extensions: &'a Extensions,
}

impl<'a> ResponseHead<'a> {
    pub(crate) fn of<B>(response: &'a Response<B>) -> Self {
        Self {
            status: response.status(),
            headers: response.headers(),
            extensions: response.extensions(),
        }
    }
}

/// Judges the head of a response by the usual rules.
pub(crate) fn head(wire: Wire, head: &ResponseHead<'_>) -> Judgment {
    let verdict = match wire {
        Wire::Grpc => match grpc::verdict(head.headers) {
            // A status in the head is the whole answer.
            Some(verdict) => return Judgment::Final(of_rejection(head).unwrap_or(verdict)),
            None => match grpc::of_http_status(head.status, head.headers) {
                Some(verdict) => return Judgment::Final(of_rejection(head).unwrap_or(verdict)),
                None => Verdict::success(),
            },
        },
        Wire::HeadOnly | Wire::Http | Wire::Plain => of_status(head),
    };
    Judgment::from_head(verdict, wire)
}

fn of_status(head: &ResponseHead<'_>) -> Verdict {
    let status = head.status.as_u16();
    if status < 400 {
        return Verdict::success();
    }
    let invited = should_retry(head.headers);
    if !matches!(status, 408 | 425 | 429 | 500..) && invited != Some(true) {
        return Verdict::success();
    }
    if let Some(verdict) = of_rejection(head) {
        return verdict;
    }
    let hint = retry_hint(head.headers);
    let after = match hint {
        Some(Hint::After(after)) => Some(after),
        // It may still say when others are welcome again.
        Some(Hint::Never) if invited == Some(false) => time_hint(head.headers),
        Some(Hint::Never) | None => None,
    };
    let (verdict, retry) = match status {
        408 | 425 => (Verdict::success(), Retry::IfIdempotent),
        429 | 529 => (Verdict::overload(), Retry::IfIdempotent),
        503 if after.is_some() => (Verdict::overload(), Retry::IfIdempotent),
        500 | 502 | 503 | 504 => (Verdict::failure(), Retry::IfIdempotent),
        ..500 | 501 | 505 => (Verdict::success(), Retry::Never),
        _ => (Verdict::failure(), Retry::Never),
    };
    let retry = match (hint, invited) {
        (Some(Hint::Never), _) => Retry::Never,
        (_, Some(true)) => Retry::IfIdempotent,
        _ => retry,
    };
    verdict.retry(retry).retry_after(after)
}

/// The verdict on a refusal of ours, which looks like a failure of the service but is none. An
/// injected fault is to be taken for what it plays.
fn of_rejection(head: &ResponseHead<'_>) -> Option<Verdict> {
    let refusal = head.extensions.get::<Rejection>()?;
    (*refusal.kind() != Kind::FaultInjected).then(|| rejection(refusal))
}

/// The verdict on a refusal.
pub(crate) fn rejection(rejection: &Rejection) -> Verdict {
    match rejection.kind() {
        _ if rejection.is_unexecuted() => Verdict::ignored().retry_after(rejection.retry_after()),
        _ if rejection.is_callers_deadline() => Verdict::ignored(),
        // The service did nothing wrong: or clients that send slowly could open its breaker.
        Kind::DeadlineExceeded {
            phase: Phase::RequestBody,
            ..
        } => Verdict::ignored(),
        _ => Verdict::failure().retry(Retry::IfIdempotent),
    }
}

impl fmt::Debug for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHead")
            .field("status", &self.status)
            .field("headers", self.headers)
            .finish_non_exhaustive()
    }
}
