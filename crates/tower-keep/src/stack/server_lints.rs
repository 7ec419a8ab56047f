use super::{Lint, ServerStack, lint::Found};
use crate::{config::Enforce, timeout::TimeoutConfig};

/// What is known to go wrong on a server.
pub(super) fn lint(stack: &ServerStack) -> Vec<Lint> {
    let mut found = Found::default();
    let timeout = limit_of(&stack.timeout);
    if timeout.is_none() {
        found.warn(
            "no_deadline",
            "give `timeout.timeout`, or queues and slow calls have no end but the caller's patience",
            "no call has a deadline".to_owned(),
        );
    }
    if let Some(limit) = stack.rate_limit.as_ref().filter(|limit| limit.enabled) {
        found.wait("rate_limit", limit.max_wait, timeout);
    }
    let shed = stack.load_shed.as_ref().filter(|shed| shed.enabled);
    if let Some(shed) = shed {
        found.wait("load_shed", shed.interval, timeout);
        found.queue("load_shed", shed.max_queue, shed.max_concurrent);
    }
    let bulkhead = stack.bulkhead.as_ref().filter(|bulkhead| bulkhead.enabled);
    if let Some(bulkhead) = bulkhead {
        if bulkhead.max_queue > 0 {
            found.wait("bulkhead", bulkhead.max_wait, timeout);
        }
        found.queue("bulkhead", bulkhead.max_queue, bulkhead.max_concurrent);
    }
    if stack.adaptive.enabled && stack.adaptive.queue_to > 0.0 {
        found.wait("adaptive", stack.adaptive.max_wait, timeout);
    }
    if shed.is_some() && stack.adaptive.enabled {
        found.warn(
            "two_queues",
            "switch one of them off: what the one admits the other refuses, and neither sees the load",
            "load_shed and adaptive both decide how many calls run".to_owned(),
        );
    }
    if shed.is_none() && !stack.adaptive.enabled && bulkhead.is_none() {
        found.warn(
            "no_limit",
            "switch `adaptive` on, or give a `bulkhead`",
            "nothing limits how many calls run at once".to_owned(),
        );
    }
    let limit = stack.rate_limit.as_ref().filter(|limit| limit.enabled);
    let enforced = [
        (
            "timeout",
            stack.timeout.enabled.then_some(stack.timeout.enforce),
        ),
        ("rate_limit", limit.map(|limit| limit.enforce)),
        ("load_shed", shed.map(|shed| shed.enforce)),
        (
            "adaptive",
            stack.adaptive.enabled.then_some(stack.adaptive.enforce),
        ),
        ("bulkhead", bulkhead.map(|bulkhead| bulkhead.enforce)),
    ];
    for (layer, enforce) in enforced {
        if let Some(enforce) = enforce.filter(|enforce| *enforce != Enforce::ALL) {
            found.warn(
                "dry_run",
                "set it to 100 once the numbers are as you expect",
                format!(
                    "{layer} enforces {} % of its refusals",
                    enforce.as_percent()
                ),
            );
        }
    }
    found.sorted()
}

/// How long a call may take, if anything limits it.
pub(super) fn limit_of(timeout: &TimeoutConfig) -> Option<std::time::Duration> {
    timeout.timeout.filter(|_| timeout.enabled)
}
