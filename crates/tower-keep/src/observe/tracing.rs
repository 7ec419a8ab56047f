//! Events as log lines.

use tracing::{Level, debug, enabled, info, warn};

use super::{Event, EventKind};

/// Whether the event would become a line: nothing is made for nobody.
pub(super) fn wants(kind: &EventKind) -> bool {
    match severity(kind) {
        None => false,
        Some(Level::WARN) => enabled!(target: TARGET, Level::WARN),
        Some(Level::INFO) => enabled!(target: TARGET, Level::INFO),
        Some(_) => enabled!(target: TARGET, Level::DEBUG),
    }
}

/// Writes the line.
pub(super) fn tell(event: &Event) {
    let (layer, name, kind) = (event.layer, event.name(), event.kind.as_str());
    let correlation_id = event.correlation_id.as_ref().map(|id| id.as_str());
    match severity(&event.kind) {
        None => {}
        Some(Level::WARN) => {
            warn!(target: TARGET, layer, name, event = kind, correlation_id, "{event}");
        }
        Some(Level::INFO) => {
            info!(target: TARGET, layer, name, event = kind, correlation_id, "{event}");
        }
        Some(_) => debug!(target: TARGET, layer, name, event = kind, correlation_id, "{event}"),
    }
}

/// What is alarming is for people on call, what is rare for everybody, and what is frequent for people
/// who debug. What is made for each call is for metrics.
fn severity(kind: &EventKind) -> Option<Level> {
    match kind {
        _ if kind.is_per_call() => None,
        EventKind::StateChanged { alarming: true, .. }
        | EventKind::CheckChanged { passing: false, .. } => Some(Level::WARN),
        EventKind::StateChanged { .. }
        | EventKind::CheckChanged { .. }
        | EventKind::ConfigUpdated => Some(Level::INFO),
        _ => Some(Level::DEBUG),
    }
}

/// One target for all layers, so that one directive of a filter steers them: `tower_keep=debug`.
const TARGET: &str = "tower_keep";
