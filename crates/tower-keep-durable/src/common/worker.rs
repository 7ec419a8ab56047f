use std::{future::Future, pin::pin, time::Duration};

use tokio::{select, sync::Notify, time::sleep};

use crate::{BoxError, observe};

/// How long the first wait after a failure is, and the longest: a database that is back is found
/// soon, and one that is gone is not asked all the time.
const AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// What a pass found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// There may be more: at once again.
    Busy,
    /// Nothing is to be done.
    Idle,
}

/// Makes passes until `stop`: at once while there is work, else after `wake` or after `poll`, which
/// finds what other processes wrote.
///
/// A pass that has begun is finished before it stops. Dropped instead, the pass is cut off, which
/// every pass here bears.
pub(crate) async fn work<F>(
    name: &'static str,
    poll: Duration,
    wake: &Notify,
    stop: impl Future<Output = ()>,
    mut pass: impl FnMut() -> F,
) where
    F: Future<Output = Result<Pass, BoxError>>,
{
    let mut stop = pin!(stop);
    let mut failures = 0_u32;
    loop {
        let wait = match pass().await {
            Ok(found) => {
                failures = 0;
                match found {
                    Pass::Busy => Duration::ZERO,
                    Pass::Idle => poll,
                }
            }
            Err(error) => {
                observe::failed(name, &error);
                failures = failures.saturating_add(1);
                let [first, most] = AGAIN;
                most.min(first.saturating_mul(1 << failures.min(10)))
            }
        };
        select! {
            biased;
            () = &mut stop => return,
            () = wake.notified(), if failures == 0 => {}
            () = sleep(wait) => {}
        }
    }
}
