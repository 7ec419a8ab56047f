use std::time::Duration;

use super::{ClientStack, Lint, lint::Found, server_lints::limit_of};
use crate::hedge::Delay;

/// What is known to go wrong on a client.
pub(super) fn lint(stack: &ClientStack) -> Vec<Lint> {
    let mut found = Found::default();
    let timeout = limit_of(&stack.timeout);
    deadlines(stack, timeout, &mut found);
    repetitions(stack, &mut found);
    queues(stack, timeout, &mut found);
    found.sorted()
}

fn deadlines(stack: &ClientStack, timeout: Option<Duration>, found: &mut Found) {
    let attempt = limit_of(&stack.attempt_timeout);
    let (Some(timeout), Some(attempt)) = (timeout, attempt) else {
        let which = match (timeout, attempt) {
            (None, None) => "neither the call nor an attempt has",
            (None, _) => "the call has not",
            _ => "an attempt has not",
        };
        found.warn(
            "no_deadline",
            "give `timeout` for the call, waits included, and `attempt_timeout` for one attempt",
            format!("{which} a deadline"),
        );
        return;
    };
    if attempt >= timeout {
        found.refuse(
            "attempt_not_below_total",
            "give `attempt_timeout` a part of `timeout`, or nothing that hangs is ever tried again",
            format!("an attempt may take {attempt:?} and the whole call {timeout:?}"),
        );
    }
    let slow = stack.circuit_breaker.slow_call;
    if let (true, Some(slow)) = (
        stack.circuit_breaker.enabled,
        slow.filter(|slow| *slow >= attempt),
    ) {
        found.warn(
            "never_slow",
            "give `slow_call` less than `attempt_timeout`, or `None`",
            format!("a call is slow after {slow:?} and is given up after {attempt:?}"),
        );
    }
}

fn repetitions(stack: &ClientStack, found: &mut Found) {
    let retries = stack.retry.enabled && stack.retry.max_attempts > 1;
    // Whose it is that pays: retry that makes one attempt still counts the calls.
    let budget = if stack.retry.enabled {
        stack.retry.budget
    } else {
        stack.hedge.budget
    };
    let hedges = stack.hedge.enabled && stack.hedge.max_hedges > 0;
    if (retries || hedges) && budget.ratio >= 1.0 {
        found.refuse(
            "no_budget",
            "give a `budget.ratio` of about 0.2: when all calls fail, that is what the service gets on top",
            format!(
                "retries and hedges may be {:.0} % of the calls",
                budget.ratio * 100.0
            ),
        );
    }
    if (retries || hedges) && stack.inner_attempts > 1 {
        found.refuse(
            "nested_retries",
            "switch the retries of the client inside off: it has no budget and no deadline for all of them",
            format!(
                "{} attempts here, each of which the client inside makes up to {} times",
                if retries { stack.retry.max_attempts } else { 1 },
                stack.inner_attempts
            ),
        );
    }
    if retries && stack.retry.max_attempts > 10 {
        found.warn(
            "many_attempts",
            "what three attempts did not cure is not bad luck",
            format!("a call is made up to {} times", stack.retry.max_attempts),
        );
    }
    if hedges
        && retries
        && stack
            .hedge
            .max_hedges
            .saturating_mul(stack.retry.max_attempts)
            > 6
    {
        found.warn(
            "attempts_multiply",
            "lower one of the two: hedges are made of every attempt",
            format!(
                "{} attempts with {} hedges each",
                stack.retry.max_attempts, stack.hedge.max_hedges
            ),
        );
    }
    if hedges && stack.idempotency_key {
        found.warn(
            "hedged_writes",
            "switch `hedge` off, unless the service answers a key that is in progress instead of working \
             twice",
            "writes have a key, so they are hedged like reads: two of each at once".to_owned(),
        );
    }
    if hedges && stack.hedge.delay == Delay::Fixed(Duration::ZERO) {
        found.warn(
            "every_call_twice",
            "give `hedge.delay` a quantile of the latency: what is late is one call in twenty",
            "every call is sent twice at once".to_owned(),
        );
    }
    if retries && !stack.circuit_breaker.enabled && !stack.throttle.enabled {
        found.warn(
            "retries_without_breaker",
            "switch `circuit_breaker` on: retries of a service that is down only add to what is wrong",
            "failures are retried and nothing notices that all calls fail".to_owned(),
        );
    }
}

fn queues(stack: &ClientStack, timeout: Option<Duration>, found: &mut Found) {
    if let Some(limit) = stack.rate_limit.as_ref().filter(|limit| limit.enabled) {
        found.wait("rate_limit", limit.max_wait, timeout);
    }
    let bulkhead = &stack.bulkhead;
    if bulkhead.enabled {
        if bulkhead.max_queue > 0 {
            found.wait("bulkhead", bulkhead.max_wait, timeout);
        }
        found.queue("bulkhead", bulkhead.max_queue, bulkhead.max_concurrent);
    }
    if stack.adaptive.enabled && stack.adaptive.queue_to > 0.0 {
        found.wait("adaptive", stack.adaptive.max_wait, timeout);
    }
}
