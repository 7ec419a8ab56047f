//! Events as log lines.

use tracing::{debug, info, warn};

use super::{Event, EventKind};

/// What is rare is for people on call, what is frequent for people who debug.
pub(super) fn tell(event: &Event) {
    let (layer, name, kind) = (event.layer, event.name(), event.kind.as_str());
    let correlation_id = event.correlation_id.as_ref().map(|id| id.as_str());
    match &event.kind {
        EventKind::CallAdmitted { .. }
        | EventKind::CallFinished { .. }
        | EventKind::CallReleased => {}
        EventKind::StateChanged { level: 1.., .. }
        | EventKind::CheckChanged { passing: false, .. } => {
            warn!(target: TARGET, layer, name, event = kind, "{event}");
        }
        EventKind::StateChanged { .. }
        | EventKind::CheckChanged { .. }
        | EventKind::ConfigUpdated => {
            info!(target: TARGET, layer, name, event = kind, "{event}");
        }
        _ => debug!(target: TARGET, layer, name, event = kind, correlation_id, "{event}"),
    }
}

/// One target for all layers, so that one directive of a filter steers them: `tower_keep=debug`.
const TARGET: &str = "tower_keep";
