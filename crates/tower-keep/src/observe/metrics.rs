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
/// What they are in OpenTelemetry, with units, is in [`Metrics::ALL`]; [`Metrics::describe`] tells the
/// exporter. `dashboards/grafana.json` in the crate shows them.
///
/// | metric | labels beside `layer` and `name` | |
/// |---|---|---|
/// | `tower_keep_calls_total` | `outcome`: success, failure, overload, ignored | calls that were let in and are over |
/// | `tower_keep_call_duration_seconds` | | from admission to the end of the answer |
/// | `tower_keep_in_flight` | | calls that hold a permit |
/// | `tower_keep_queue_wait_seconds` | | how long an admitted call waited |
/// | `tower_keep_rejections_total` | `reason`: a [kind](crate::rejection::Kind::as_str), `enforced` | |
/// | `tower_keep_retries_total` | | retries and hedges that were scheduled |
/// | `tower_keep_retries_skipped_total` | `reason` | |
/// | `tower_keep_attempts_won_total` | `attempt` | of several attempts at once, which one answered |
/// | `tower_keep_fallbacks_total` | `cause` | |
/// | `tower_keep_answers_reused_total` | `from`: fresh, stale, revalidated, shared, stored | |
/// | `tower_keep_calls_detached_total` | | calls that went on after their caller had gone |
/// | `tower_keep_comparisons_total` | `matched` | answers of two services that were compared |
/// | `tower_keep_endpoint_changes_total` | `change`: added, removed, ejected, returned | |
/// | `tower_keep_faults_injected_total` | `fault` | |
/// | `tower_keep_keys_overflowed_total` | | calls for which there was no room for a key |
/// | `tower_keep_limit` | | a limit that moves by itself |
/// | `tower_keep_panics_total` | | panics that were caught |
/// | `tower_keep_state` | | 0 is the normal state; a breaker: 1 half-open, 2 open |
/// | `tower_keep_key_state_changes_total` | `to` | of [keyed](crate::keyed) layers, in place of `tower_keep_state`; a moving limit of one has no series |
/// | `tower_keep_documents_total` | `outcome`: applied, refused | configurations that a registry was given |
/// | `tower_keep_check_passing` | `check` | 1 or 0 |
///
/// All keys of a [keyed](crate::keyed) layer share the layer's series: callers choose keys, and a
/// label that callers choose has as many series as they like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metrics;

impl Observer for Metrics {
    fn on_event(&self, event: &Event) {
        let layer = event.layer;
        let name = event.name.as_str();
        match &event.kind {
            EventKind::CallAdmitted { waited } => {
                gauge!("tower_keep_in_flight", "layer" => layer, "name" => name).increment(1);
                histogram!("tower_keep_queue_wait_seconds", "layer" => layer, "name" => name)
                    .record(waited.as_secs_f64());
            }
            EventKind::CallReleased => {
                gauge!("tower_keep_in_flight", "layer" => layer, "name" => name).decrement(1);
            }
            EventKind::CallFinished { class, elapsed } => {
                let outcome = class.as_str();
                counter!("tower_keep_calls_total", "layer" => layer, "name" => name, "outcome" => outcome)
                    .increment(1);
                histogram!("tower_keep_call_duration_seconds", "layer" => layer, "name" => name)
                    .record(elapsed.as_secs_f64());
            }
            EventKind::CallRejected { kind } => reject(layer, name, kind.as_str(), "true"),
            EventKind::CallWouldBeRejected { kind } => reject(layer, name, kind.as_str(), "false"),
            EventKind::AttemptScheduled { .. } => {
                counter!("tower_keep_retries_total", "layer" => layer, "name" => name).increment(1);
            }
            EventKind::AttemptSkipped { reason } => {
                counter!("tower_keep_retries_skipped_total", "layer" => layer, "name" => name, "reason" => *reason)
                    .increment(1);
            }
            EventKind::FallbackAnswered { cause } => {
                counter!("tower_keep_fallbacks_total", "layer" => layer, "name" => name, "cause" => *cause)
                    .increment(1);
            }
            // One gauge cannot tell the states of many keys.
            EventKind::StateChanged { to, .. } if event.key().is_some() => {
                counter!("tower_keep_key_state_changes_total", "layer" => layer, "name" => name, "to" => *to)
                    .increment(1);
            }
            EventKind::LimitChanged { .. } if event.key().is_some() => {}
            EventKind::StateChanged { level, .. } => {
                gauge!("tower_keep_state", "layer" => layer, "name" => name).set(f64::from(*level));
            }
            EventKind::CheckChanged { check, passing, .. } => {
                gauge!("tower_keep_check_passing", "layer" => layer, "name" => name, "check" => check.clone())
                    .set(f64::from(u8::from(*passing)));
            }
            EventKind::AnswerReused { from } => {
                counter!("tower_keep_answers_reused_total", "layer" => layer, "name" => name, "from" => *from)
                    .increment(1);
            }
            EventKind::AttemptWon { attempt } => {
                counter!("tower_keep_attempts_won_total", "layer" => layer, "name" => name, "attempt" => attempt.to_string())
                    .increment(1);
            }
            EventKind::CallDetached => {
                counter!("tower_keep_calls_detached_total", "layer" => layer, "name" => name)
                    .increment(1);
            }
            EventKind::ComparisonMade { matched, .. } => {
                let matched = if *matched { "true" } else { "false" };
                counter!("tower_keep_comparisons_total", "layer" => layer, "name" => name, "matched" => matched)
                    .increment(1);
            }
            EventKind::EndpointChanged { change, .. } => {
                counter!("tower_keep_endpoint_changes_total", "layer" => layer, "name" => name, "change" => *change)
                    .increment(1);
            }
            EventKind::FaultInjected { fault } => {
                counter!("tower_keep_faults_injected_total", "layer" => layer, "name" => name, "fault" => *fault)
                    .increment(1);
            }
            EventKind::KeyOverflowed => {
                counter!("tower_keep_keys_overflowed_total", "layer" => layer, "name" => name)
                    .increment(1);
            }
            EventKind::LimitChanged { to, .. } => {
                gauge!("tower_keep_limit", "layer" => layer, "name" => name).set(*to as f64);
            }
            EventKind::PanicCaught { .. } => {
                counter!("tower_keep_panics_total", "layer" => layer, "name" => name).increment(1);
            }
            EventKind::DocumentApplied { .. } => {
                counter!("tower_keep_documents_total", "layer" => layer, "name" => name, "outcome" => "applied")
                    .increment(1);
            }
            EventKind::DocumentRefused { .. } => {
                counter!("tower_keep_documents_total", "layer" => layer, "name" => name, "outcome" => "refused")
                    .increment(1);
            }
            EventKind::CallExplained { .. }
            | EventKind::CallNoted { .. }
            | EventKind::ConfigUpdated { .. }
            | EventKind::HandleChanged { .. } => {}
        }
    }
}

fn reject(layer: &'static str, name: &'static str, reason: &'static str, enforced: &'static str) {
    counter!("tower_keep_rejections_total", "layer" => layer, "name" => name, "reason" => reason, "enforced" => enforced)
        .increment(1);
}
