/// Request extension: how many times this request is sent at most, in place of
/// [`max_attempts`](super::RetryConfig::max_attempts). 1 (or 0) means no retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAttempts(pub u32);
