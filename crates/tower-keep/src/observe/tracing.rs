//! Events as log lines.

use tracing::{Level, debug, enabled, error, info, level_filters::LevelFilter, warn};

use super::{
    Event, EventKind,
    severity::{Severity, severity},
};

/// Whether anything could become a line.
#[inline]
pub(super) fn is_on() -> bool {
    LevelFilter::current() != LevelFilter::OFF
}

/// Whether the event would become a line: nothing is made for nobody.
pub(super) fn wants(layer: &'static str, kind: &EventKind) -> bool {
    match severity(layer, kind) {
        Severity::Silent => false,
        Severity::Debug => enabled!(target: TARGET, Level::DEBUG),
        Severity::Info => enabled!(target: TARGET, Level::INFO),
        Severity::Warn => enabled!(target: TARGET, Level::WARN),
        Severity::Error => enabled!(target: TARGET, Level::ERROR),
    }
}

/// Writes the line.
pub(super) fn tell(event: &Event) {
    let (layer, name, kind) = (event.layer, event.name(), event.kind.as_str());
    let key = event.key();
    let correlation_id = event.correlation_id.as_ref().map(|id| id.as_str());
    match severity(layer, &event.kind) {
        Severity::Silent => {}
        Severity::Debug => {
            debug!(target: TARGET, layer, name, key, event = kind, correlation_id, "{event}");
        }
        Severity::Info => {
            info!(target: TARGET, layer, name, key, event = kind, correlation_id, "{event}");
        }
        Severity::Warn => {
            warn!(target: TARGET, layer, name, key, event = kind, correlation_id, "{event}");
        }
        Severity::Error => {
            error!(target: TARGET, layer, name, key, event = kind, correlation_id, "{event}");
        }
    }
}

/// One target for all layers, so that one directive of a filter steers them: `tower_keep=debug`.
const TARGET: &str = "tower_keep";
