use std::time::Duration;

use http::{Response, StatusCode, header};
use serde::Deserialize;
use tower_keep::{
    classify::{Hint, retry_hint},
    rejection::Rejection,
};

use super::{
    StepError,
    error::{is_not_sent, is_of_another},
};

/// What an HTTP answer says about a step.
///
/// | answer | step |
/// |---|---|
/// | 2xx | done |
/// | a refusal by a layer of ours before anything ran: in this process, or as problem+json with `executed: false` | not sent |
/// | 408, 409, 425, 429, 5xx, and a redirect that nobody followed | unknown |
/// | a refusal by our idempotency layer because of another request of the same key | unknown |
/// | any other 4xx | rejected, with its body as the reason |
///
/// The body is to be there whole, as bytes or text.
///
/// # Errors
/// The step was not done, or nobody knows.
///
/// ```
/// use http::Response;
/// use tower_keep_durable::saga::{StepError, accept};
///
/// let conflict = Response::builder().status(409).body("running").unwrap();
/// assert!(matches!(accept(conflict), Err(StepError::Unknown(_))));
/// let refused = Response::builder()
///     .status(503)
///     .header("content-type", "application/problem+json")
///     .body(r#"{"type": "about:blank", "executed": false, "retry_after_ms": 200}"#)
///     .unwrap();
/// assert!(matches!(accept(refused), Err(StepError::NotSent { .. })));
/// ```
pub fn accept<B: AsRef<[u8]>>(response: Response<B>) -> Result<Response<B>, StepError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let hint = match retry_hint(response.headers()) {
        Some(Hint::After(after)) => Some(after),
        _ => None,
    };
    let of_ours = Rejection::of(&response);
    let problem = problem(&response);
    if let Some(rejection) = of_ours.filter(|rejection| is_not_sent(rejection)) {
        let retry_after = rejection.retry_after().or(hint);
        return Err(StepError::NotSent { retry_after });
    }
    if let Some(problem) = problem.as_ref().filter(|problem| problem.is_not_sent()) {
        let told = problem.retry_after_ms.map(Duration::from_millis);
        let retry_after = told.or(hint);
        return Err(StepError::NotSent { retry_after });
    }
    let seen = of_ours.is_some_and(is_of_another) || problem.is_some_and(|it| it.is_of_another());
    let text = String::from_utf8_lossy(response.body().as_ref());
    // A reason is for a log line, and a body may be a page.
    let text: String = text.trim().chars().take(500).collect();
    Err(match status {
        _ if seen || is_doubt(status) => StepError::Unknown(format!("{status}: {text}").into()),
        _ => StepError::Rejected(format!("{status}: {text}")),
    })
}

fn is_doubt(status: StatusCode) -> bool {
    let code = status.as_u16();
    // 429: who counts calls may do so behind the effect.
    !status.is_client_error() || [408, 409, 425, 429].contains(&code)
}

/// What we read of a problem+json body.
#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    r#type: String,
    executed: Option<bool>,
    retry_after_ms: Option<u64>,
}

impl Problem {
    /// The same rules as for a [`Rejection`] of this process.
    fn is_not_sent(&self) -> bool {
        self.executed == Some(false) && !self.is_of_another()
    }

    fn is_of_another(&self) -> bool {
        ["idempotency_conflict", "idempotency_mismatch"]
            .iter()
            .any(|kind| self.r#type.ends_with(kind))
    }
}

fn problem<B: AsRef<[u8]>>(response: &Response<B>) -> Option<Problem> {
    let kind = response.headers().get(header::CONTENT_TYPE)?;
    kind.to_str()
        .ok()?
        .starts_with("application/problem+json")
        .then(|| serde_json::from_slice(response.body().as_ref()).ok())?
}
