use std::{error::Error, fmt, time::Duration};

use http::{HeaderMap, header};
use tower_keep::rejection::Rejection;

use crate::problem::Problem;

/// Why a call has no answer that can be used.
#[derive(Debug, Clone, PartialEq)]
pub enum CallError {
    /// The peer said no: surely not done, and asking again will not help.
    Rejected(Problem),
    /// Surely not done, because it never reached a handler: the connection was refused, or a layer
    /// on either side turned the call away.
    NotSent {
        /// Who turned it away.
        why: String,
        /// When to try again, where somebody said so.
        retry_after: Option<Duration>,
    },
    /// Timeout, reset or server error: it may have been done, or may still happen.
    Unknown(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(problem) => write!(f, "rejected: {}", problem.detail),
            Self::NotSent { why, .. } => write!(f, "not sent: {why}"),
            Self::Unknown(why) => write!(f, "outcome unknown: {why}"),
        }
    }
}

impl Error for CallError {}

impl CallError {
    /// What a refusal of a layer on this side says; it says more exactly than its answer when to
    /// come back.
    pub(super) fn of_rejection(rejection: &Rejection) -> Self {
        Self::NotSent {
            why: rejection.to_string(),
            retry_after: rejection.retry_after(),
        }
    }

    /// What an answer other than success says.
    pub(super) fn of_answer(problem: Problem, headers: &HeaderMap) -> Self {
        if problem.executed == Some(false) {
            let millis = problem
                .more
                .get("retry_after_ms")
                .and_then(|ms| ms.as_u64());
            let seconds = || {
                headers
                    .get(header::RETRY_AFTER)?
                    .to_str()
                    .ok()?
                    .parse()
                    .ok()
            };
            return Self::NotSent {
                why: problem.detail.clone(),
                retry_after: millis
                    .map(Duration::from_millis)
                    .or_else(|| seconds().map(Duration::from_secs)),
            };
        }
        match problem.status {
            // Timed out, too early and too many say nothing about the effect.
            408 | 425 | 429 => Self::Unknown(format!("status {}", problem.status)),
            400..500 => Self::Rejected(problem),
            status => Self::Unknown(format!("status {status}: {}", problem.detail)),
        }
    }

    /// What says an error in place of an answer.
    pub(super) fn of_error(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>()
                && error.is_connect()
            {
                return Self::NotSent {
                    why: "no connection".to_owned(),
                    retry_after: None,
                };
            }
            cause = error.source();
        }
        Self::Unknown(error.to_string())
    }
}
