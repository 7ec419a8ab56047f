use super::gauge;
use crate::projection::Lag;

/// How far a view is behind.
#[allow(clippy::cast_precision_loss, reason = "a gauge")]
pub(crate) fn lag(projection: &str, lag: &Lag) {
    let label = || [("projection", projection.to_owned())];
    gauge("keep_projection_lag_events", label(), lag.events as f64);
    let seconds = lag.time.as_secs_f64();
    gauge("keep_projection_lag_seconds", label(), seconds);
}
