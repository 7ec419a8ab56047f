use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RetryHandle;
use crate::config::SteerError;

/// What a retry layer knows and should know again after a restart: what is left of its budget.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    budget: f64,
}

impl Saved {
    pub(super) fn of(handle: &RetryHandle) -> Self {
        Self {
            budget: handle.budget().balance(),
        }
    }

    pub(super) fn restore(self, handle: &RetryHandle, age: Duration) -> Result<(), SteerError> {
        if !self.budget.is_finite() || self.budget < 0.0 {
            return Err(SteerError::new("budget", "is no number of retries"));
        }
        if handle.budget().restore(self.budget, age) {
            Ok(())
        } else {
            Err(SteerError::new("budget", "is in use already"))
        }
    }
}
