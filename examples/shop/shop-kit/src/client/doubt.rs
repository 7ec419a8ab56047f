//! Whether a call may have been executed by an attempt that was not its last.
//!
//! A call whose last attempt was refused is surely not sent only if that holds for the attempts
//! before it, too: the first may have timed out at the peer, and the second met an open circuit.
//! The retry layer sees every failed attempt, so it keeps the count.

use std::cell::Cell;

use tower_keep::{classify::Retry, retry::Failed};

tokio::task_local! {
    /// How many attempts of the call may have been executed.
    static DOUBTS: Cell<u32>;
}

/// The rule of the retry layer: the usual one. Counts the attempt on the way, unless it was surely
/// not executed.
pub(crate) fn note(failed: &Failed) -> bool {
    if failed.verdict.retry != Retry::Always {
        // A call that nobody watches has nobody to tell.
        let _ = DOUBTS.try_with(|doubts| doubts.set(doubts.get() + 1));
    }
    failed.may_retry()
}

/// The body of the last answer says what its head did not: that attempt was not executed.
pub(super) fn withdraw_last() {
    let _ = DOUBTS.try_with(|doubts| doubts.set(doubts.get().saturating_sub(1)));
}

/// Runs `call`; answers its outcome, and whether a failed attempt of it may have been executed.
pub(super) async fn watch<T>(call: impl Future<Output = T>) -> (T, bool) {
    DOUBTS
        .scope(Cell::new(0), async {
            let outcome = call.await;
            (outcome, DOUBTS.with(Cell::get) > 0)
        })
        .await
}
