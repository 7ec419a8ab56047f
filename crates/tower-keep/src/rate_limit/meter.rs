use std::{fmt, sync::Arc, task::Waker};

use super::{admit::Receipt, shared::Shared};
use crate::common::sync::{self, Mutex};

/// Tells a rate limit what a call has really cost, as soon as somebody knows.
///
/// A caller puts one among the extensions of its request and keeps a clone; a handler behind a
/// [metered](super::RateLimitLayer::metered) layer finds one there. Whoever reads the end of a streamed
/// answer can so say what was in it:
///
/// ```
/// use tower_keep::rate_limit::Meter;
///
/// let meter = Meter::new();
/// let mut request = http::Request::new("...");
/// request.extensions_mut().insert(meter.clone());
/// // ... the call is made, and its last event says what it used:
/// meter.spent(1_234);
/// ```
///
/// What was estimated too much is given back as far as it has not grown back already; what was estimated
/// too little is owed, and later calls wait for it.
#[derive(Clone, Default)]
pub struct Meter {
    account: Arc<Mutex<Option<Account>>>,
}

struct Account {
    shared: Arc<Shared>,
    /// What was paid at first, which tells one call from another.
    paid: Receipt,
    receipt: Receipt,
}

impl Meter {
    /// A meter for one call. A retry of the call is counted by it from then on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The call has cost `total` so far. May be said more than once; before the call was let in it
    /// changes nothing.
    pub fn spent(&self, total: u64) {
        let woken = match &mut *sync::lock(&self.account) {
            Some(Account {
                shared, receipt, ..
            }) => shared.settle(receipt, total),
            None => Vec::new(),
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// The call was let in.
    pub(super) fn count(&self, shared: &Arc<Shared>, receipt: Receipt) {
        let account = Account {
            shared: shared.clone(),
            paid: receipt,
            receipt,
        };
        // Dropped unlocked.
        let _before = sync::lock(&self.account).replace(account);
    }

    /// The call that `paid` this was turned away unexecuted: what is left of it to give back, which is
    /// not given back again whatever is said later.
    pub(super) fn close(&self, paid: &Receipt) -> Receipt {
        let mut account = sync::lock(&self.account);
        // Dropped unlocked. Another attempt of the call may have its own account by now.
        let closed = account.take_if(|account| account.paid == *paid);
        drop(account);
        closed.map_or(*paid, |account| account.receipt)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}
