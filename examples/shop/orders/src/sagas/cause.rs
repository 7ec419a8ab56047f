use std::borrow::Cow;

use shop_kit::{
    client::CallError,
    drills::{self, mistakes::ATTEMPT_IN_KEY},
};
use tower_keep_durable::saga::{Cx, StepError};

use crate::{domain::Refusal, peers::Peer, store::ChangeError};

/// The key of a step: the same for every try.
pub(super) fn key(cx: &Cx) -> Cow<'_, str> {
    if drills::makes(ATTEMPT_IN_KEY) {
        return format!("{}:{}", cx.key(), cx.attempt()).into();
    }
    cx.key().into()
}

/// What an error of a peer says about a step.
pub(super) fn of_call(error: CallError) -> StepError {
    match error {
        CallError::Rejected(problem) => StepError::rejected(&*problem.detail),
        CallError::NotSent { retry_after, .. } => StepError::NotSent { retry_after },
        CallError::Unknown(why) => StepError::Unknown(why.into()),
    }
}

/// What it says about a step if an order does not change.
pub(super) fn of_change(error: ChangeError) -> StepError {
    match error {
        ChangeError::NotNow(error) => StepError::rejected(error.to_string()),
        error => StepError::of(error),
    }
}

/// Who said no, and why, of a saga that is being undone.
pub(super) async fn of_undo(cx: &Cx) -> Result<Refusal, StepError> {
    let Some(turn) = cx.turn().await? else {
        return Ok(refused("orders", "it was given up"));
    };
    let why = turn.error.unwrap_or_default();
    let reason = why.strip_prefix("rejected: ").unwrap_or(&why);
    Ok(match &*turn.step {
        "reserve-stock" => refused(Peer::Inventory.as_str(), reason),
        "authorize-payment" => refused(Peer::Payments.as_str(), reason),
        _ => refused("orders", reason),
    })
}

fn refused(by: &str, reason: &str) -> Refusal {
    Refusal {
        by: by.to_owned(),
        reason: reason.to_owned(),
    }
}
