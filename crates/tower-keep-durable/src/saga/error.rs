use std::{error::Error, fmt, io, time::Duration};

use tower_keep::rejection::{Kind, Rejection};

use super::{LockError, Locked};
use crate::BoxError;

/// Why a step was not done. Only the first two are known; the third is where money gets lost, and so
/// it is what every error is taken for that is not known to be one of the others.
#[derive(Debug)]
pub enum StepError {
    /// Certainly not done, and asking again will not change it: no stock, no money, no such address.
    Rejected(String),
    /// Certainly not sent: an open breaker, a full bulkhead. It is tried again, after the hint or with
    /// backoff, and costs no try.
    NotSent {
        /// When a new try is worth it.
        retry_after: Option<Duration>,
    },
    /// It may have been done, or may still be: a timeout, a connection that broke, a 500.
    Unknown(BoxError),
}

impl StepError {
    /// Certainly not done, for this reason.
    #[must_use]
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self::Rejected(reason.into())
    }

    /// What an error of any kind says: `?` does the same with errors that are not boxed.
    ///
    /// `NotSent` if a layer [refused](Rejection) the call before it was executed, if the connection
    /// was refused, or if a [lock](super::lock) is somebody else's. Unknown if not.
    ///
    /// A retry layer answers with the error of its last try. One inside of a step can so hide behind a
    /// `NotSent` that an earlier try went out: leave it away, the saga tries again by itself.
    #[must_use]
    pub fn of(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        match not_sent(&*error) {
            Some(retry_after) => Self::NotSent { retry_after },
            None => Self::Unknown(error),
        }
    }
}

/// Whether nothing was sent, and when a new try is worth it.
fn not_sent(error: &(dyn Error + 'static)) -> Option<Option<Duration>> {
    if let Some(rejection) = Rejection::find(error) {
        return is_not_sent(rejection).then(|| rejection.retry_after());
    }
    let mut next = Some(error);
    while let Some(error) = next {
        let locked = matches!(error.downcast_ref(), Some(LockError::Locked(_)));
        if locked || error.is::<Locked>() {
            return Some(None);
        }
        let Some(io) = error.downcast_ref::<io::Error>() else {
            next = error.source();
            continue;
        };
        if io.kind() == io::ErrorKind::ConnectionRefused {
            return Some(None);
        }
        // Its `source` is that of the error it holds, which would be passed over.
        next = io.get_ref().map(|held| held as _);
    }
    None
}

/// Whether nobody has seen a call of this key.
pub(super) fn is_not_sent(rejection: &Rejection) -> bool {
    rejection.is_unexecuted() && !is_of_another(rejection)
}

/// Whether it is because of another call of this key, which somebody has seen.
pub(super) fn is_of_another(rejection: &Rejection) -> bool {
    let kind = rejection.kind();
    matches!(kind, Kind::IdempotencyConflict | Kind::IdempotencyMismatch)
}

impl<E: Error + Send + Sync + 'static> From<E> for StepError {
    fn from(error: E) -> Self {
        Self::of(error)
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(reason) => write!(f, "rejected: {reason}"),
            Self::NotSent { retry_after: None } => f.write_str("not sent"),
            Self::NotSent {
                retry_after: Some(after),
            } => write!(f, "not sent, again in {after:?}"),
            Self::Unknown(error) => {
                write!(f, "unknown: {error}")?;
                let mut next = error.source();
                while let Some(error) = next {
                    write!(f, ": {error}")?;
                    next = error.source();
                }
                Ok(())
            }
        }
    }
}

/// A saga could not be started, read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SagaError {
    /// The database failed; whether the change was made shows when it is asked again.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The state does not serialize.
    #[error("state: {0}")]
    State(#[from] serde_json::Error),
    /// There is none of this id.
    #[error("id: there is no saga `{0}`")]
    Missing(String),
    /// Its status does not allow it.
    #[error("status: saga `{id}` is {status}, which cannot be changed")]
    Ended {
        /// Which.
        id: String,
        /// Where it stands.
        status: super::Status,
    },
    /// A row that this version cannot read.
    #[error("{column}: `{value}` of saga `{id}` is nothing this version knows")]
    Unreadable {
        /// Which.
        id: String,
        /// Where in the row.
        column: &'static str,
        /// What stands there.
        value: String,
    },
}

/// A plan cannot be worked on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} of plan `{plan}`: {problem}")]
pub struct PlanError {
    plan: String,
    field: &'static str,
    problem: String,
}

impl PlanError {
    pub(super) fn new(plan: &str, field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            plan: plan.to_owned(),
            field,
            problem: problem.into(),
        }
    }

    /// What of the plan is wrong.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }
}
