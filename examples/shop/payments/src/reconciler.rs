//! Finds out what became of payments that nobody waits for any more: their process died, their caller
//! gave up, or nobody ever called, since an event asked for them.
//!
//! Several may run on one database: each takes some, and to ask twice changes nothing.

use std::time::Duration;

use tokio::{task::JoinSet, time::sleep};

use crate::{domain::Payment, store::Store, teller::Teller};

/// How often the database is asked when there is nothing to do.
const IDLE: Duration = Duration::from_millis(500);
/// How long it is left alone after it failed.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);
/// How many payments are asked for at the same time: so many may wait for a network that hangs before
/// others wait for them.
const AT_ONCE: usize = 32;

/// Works for ever; dropped, what it was working on is taken up by the next.
pub(crate) async fn work(store: Store, teller: Teller) {
    let mut asking = JoinSet::new();
    loop {
        let rest = match store.take(AT_ONCE.saturating_sub(asking.len())).await {
            Ok(due) => {
                for payment in due {
                    asking.spawn(ask(store.clone(), teller.clone(), payment));
                }
                IDLE
            }
            Err(error) => {
                tracing::error!(%error, "reconciler cannot use the database");
                DATABASE_PAUSE
            }
        };
        tokio::select! {
            () = sleep(rest) => {}
            // The database is known to answer, and there is something new in it.
            () = store.wanted(), if rest == IDLE => {}
            Some(ended) = asking.join_next(), if rest == IDLE && !asking.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a payment could not be asked for");
                }
            }
        }
    }
}

async fn ask(store: Store, teller: Teller, payment: Payment) {
    let Err(problem) = teller.reconcile(&payment).await else {
        return;
    };
    let (payment, reason) = (payment.id, &problem.detail);
    tracing::info!(%payment, reason, "payment cannot be settled yet");
    if let Err(error) = store.postpone(payment).await {
        // It comes due by itself.
        tracing::error!(%error, "reconciler cannot use the database");
    }
}
