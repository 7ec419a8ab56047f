//! The metrics as a table: for exporters that show what a metric means, and for OpenTelemetry.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use super::Metrics;

/// What a metric is called and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricInfo {
    /// As it is recorded, by the conventions of Prometheus.
    pub name: &'static str,
    /// By the conventions of OpenTelemetry.
    pub open_telemetry: &'static str,
    /// The unit, in UCUM as OpenTelemetry has it.
    pub unit: &'static str,
    /// What it counts or measures.
    pub about: &'static str,
}

impl Metrics {
    /// All metrics, with the names and units that they have in OpenTelemetry.
    ///
    /// The names recorded are what OpenTelemetry's own rules make of these for Prometheus: dots become
    /// underscores, `s` becomes `_seconds`, and a counter ends with `_total`. So a collector that
    /// scrapes them, and a bridge that renames them by this table, end with the same series. Labels
    /// are attributes of the same name.
    pub const ALL: &'static [MetricInfo] = ALL;

    /// Tells the exporter what each metric means and its unit; once, after it was installed.
    pub fn describe() {
        for metric in Self::ALL {
            let name = metric.name;
            if name.ends_with("_total") {
                describe_counter!(name, Unit::Count, metric.about);
            } else if metric.unit == "s" {
                describe_histogram!(name, Unit::Seconds, metric.about);
            } else {
                describe_gauge!(name, Unit::Count, metric.about);
            }
        }
    }
}

const ALL: &[MetricInfo] = &[
    info(
        "tower_keep_calls_total",
        "tower_keep.calls",
        "{call}",
        "calls that were let in and are over",
    ),
    info(
        "tower_keep_call_duration_seconds",
        "tower_keep.call.duration",
        "s",
        "from admission to the end of the answer",
    ),
    info(
        "tower_keep_in_flight",
        "tower_keep.in_flight",
        "{call}",
        "calls that hold a permit",
    ),
    info(
        "tower_keep_queue_wait_seconds",
        "tower_keep.queue_wait",
        "s",
        "how long an admitted call waited",
    ),
    info(
        "tower_keep_rejections_total",
        "tower_keep.rejections",
        "{call}",
        "calls that were turned away, or would have been",
    ),
    info(
        "tower_keep_retries_total",
        "tower_keep.retries",
        "{attempt}",
        "retries and hedges that were scheduled",
    ),
    info(
        "tower_keep_retries_skipped_total",
        "tower_keep.retries_skipped",
        "{attempt}",
        "retries that were wanted and not made",
    ),
    info(
        "tower_keep_attempts_won_total",
        "tower_keep.attempts_won",
        "{attempt}",
        "of several attempts at once, which one answered",
    ),
    info(
        "tower_keep_fallbacks_total",
        "tower_keep.fallbacks",
        "{call}",
        "calls that a fallback answered",
    ),
    info(
        "tower_keep_answers_reused_total",
        "tower_keep.answers_reused",
        "{call}",
        "calls that were answered as another was",
    ),
    info(
        "tower_keep_calls_detached_total",
        "tower_keep.calls_detached",
        "{call}",
        "calls that went on after their caller had gone",
    ),
    info(
        "tower_keep_comparisons_total",
        "tower_keep.comparisons",
        "{call}",
        "answers of two services that were compared",
    ),
    info(
        "tower_keep_endpoint_changes_total",
        "tower_keep.endpoint_changes",
        "{endpoint}",
        "endpoints that came, went, were ejected or returned",
    ),
    info(
        "tower_keep_faults_injected_total",
        "tower_keep.faults_injected",
        "{call}",
        "faults that were injected on purpose",
    ),
    info(
        "tower_keep_keys_overflowed_total",
        "tower_keep.keys_overflowed",
        "{call}",
        "calls for which there was no room for a key",
    ),
    info(
        "tower_keep_key_state_changes_total",
        "tower_keep.key_state_changes",
        "{change}",
        "keys of keyed layers that moved to another state",
    ),
    info(
        "tower_keep_documents_total",
        "tower_keep.documents",
        "{document}",
        "documents of configurations that were applied or refused",
    ),
    info(
        "tower_keep_limit",
        "tower_keep.limit",
        "{call}",
        "a limit that moves by itself",
    ),
    info(
        "tower_keep_panics_total",
        "tower_keep.panics",
        "{call}",
        "panics that were caught",
    ),
    info(
        "tower_keep_state",
        "tower_keep.state",
        "1",
        "0 is the normal state; a breaker: 1 half-open, 2 open",
    ),
    info(
        "tower_keep_check_passing",
        "tower_keep.check.passing",
        "1",
        "1 or 0",
    ),
];

const fn info(
    name: &'static str,
    open_telemetry: &'static str,
    unit: &'static str,
    about: &'static str,
) -> MetricInfo {
    MetricInfo {
        name,
        open_telemetry,
        unit,
        about,
    }
}
