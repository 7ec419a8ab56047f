use metrics::{counter, gauge, histogram};

use super::{Event, EventKind, Observer};

/// Events as metrics, through the `metrics` facade.
///
/// [`install`](super::install) it once, after the exporter:
///
/// ```
/// use tower_keep::observe;
///
/// // first: install a recorder, such as metrics-exporter-prometheus
/// observe::install(observe::Metrics);
/// ```
///
/// | metric | labels beside `layer` and `name` | |
/// |---|---|---|
/// | `tower_keep_calls_total` | `outcome`: success, failure, overload, ignored | calls that were let in and are over |
/// | `tower_keep_call_duration_seconds` | | from admission to the end of the answer |
/// | `tower_keep_in_flight` | | calls that hold a permit |
/// | `tower_keep_queue_wait_seconds` | | how long an admitted call waited |
/// | `tower_keep_rejections_total` | `reason`: a [kind](crate::rejection::Kind::as_str), `enforced` | |
/// | `tower_keep_retries_total` | | retries that were scheduled |
/// | `tower_keep_retries_skipped_total` | `reason` | |
/// | `tower_keep_fallbacks_total` | | |
/// | `tower_keep_state` | | 0 is the normal state; a breaker: 1 half-open, 2 open |
/// | `tower_keep_check_passing` | `check` | 1 or 0 |
#[derive(Clone, Copy, Debug, Default)]
pub struct Metrics;

impl Observer for Metrics {
    fn on_event(&self, event: &Event) {
        let layer = event.layer;
        let name = event.name.shared();
        match &event.kind {
            EventKind::CallAdmitted { waited } => {
                gauge!("tower_keep_in_flight", "layer" => layer, "name" => name.clone())
                    .increment(1);
                histogram!("tower_keep_queue_wait_seconds", "layer" => layer, "name" => name)
                    .record(waited.as_secs_f64());
            }
            EventKind::CallReleased => {
                gauge!("tower_keep_in_flight", "layer" => layer, "name" => name).decrement(1);
            }
            EventKind::CallFinished { class, elapsed } => {
                let outcome = class.as_str();
                counter!("tower_keep_calls_total", "layer" => layer, "name" => name.clone(), "outcome" => outcome)
                    .increment(1);
                histogram!("tower_keep_call_duration_seconds", "layer" => layer, "name" => name)
                    .record(elapsed.as_secs_f64());
            }
            EventKind::CallRejected { kind } => reject(layer, name, kind.as_str(), "true"),
            EventKind::CallWouldBeRejected { kind } => reject(layer, name, kind.as_str(), "false"),
            EventKind::AttemptScheduled { .. } => {
                counter!("tower_keep_retries_total", "layer" => layer, "name" => name).increment(1);
            }
            EventKind::RetrySkipped { reason } => {
                counter!("tower_keep_retries_skipped_total", "layer" => layer, "name" => name, "reason" => *reason)
                    .increment(1);
            }
            EventKind::FallbackAnswered => {
                counter!("tower_keep_fallbacks_total", "layer" => layer, "name" => name)
                    .increment(1);
            }
            EventKind::StateChanged { level, .. } => {
                gauge!("tower_keep_state", "layer" => layer, "name" => name).set(f64::from(*level));
            }
            EventKind::CheckChanged { check, passing, .. } => {
                gauge!("tower_keep_check_passing", "layer" => layer, "name" => name, "check" => check.clone())
                    .set(f64::from(u8::from(*passing)));
            }
            EventKind::ConfigUpdated => {}
        }
    }
}

fn reject(
    layer: &'static str,
    name: std::sync::Arc<str>,
    reason: &'static str,
    enforced: &'static str,
) {
    counter!("tower_keep_rejections_total", "layer" => layer, "name" => name, "reason" => reason, "enforced" => enforced)
        .increment(1);
}
