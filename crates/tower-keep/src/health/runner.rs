use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::{sleep_until, timeout},
};

use super::{
    Check, CheckConfig, HealthConfig,
    cell::{Cell, Reading, bounded},
};
use crate::{
    BoxError,
    common::clock,
    observe::{Emitter, EventKind},
};

/// Runs one check, again and again, until the registry is gone.
///
/// It holds nothing of the registry but its end of the configuration, so that it cannot keep it
/// alive.
pub(super) async fn run<C: Check>(
    check: Arc<C>,
    cell: Arc<Cell>,
    mut config: watch::Receiver<Arc<HealthConfig>>,
    emitter: Emitter,
) {
    // A task for each run, so that one that panics or blocks its thread leaves this one alone.
    let mut running = JoinSet::new();
    loop {
        let settings = config.borrow_and_update().check_named(&cell.name);
        let at = clock::now();
        let failure = ask(&check, &mut running, settings.timeout).await;
        let reading = Reading {
            at,
            took: at.elapsed(),
            failure: failure.map(bounded),
        };
        let output = reading.failure.clone();
        if cell.record(reading, &settings) {
            emitter.emit(EventKind::CheckChanged {
                check: cell.name.clone(),
                passing: output.is_none(),
                output: output.unwrap_or_else(|| "ok".into()),
            });
        }
        let chance = fastrand::f64();
        loop {
            let settings = config.borrow_and_update().check_named(&cell.name);
            tokio::select! {
                () = sleep_until(at + settings.wait(chance)) => break,
                changed = config.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// One run: `None` if it passed, what went wrong otherwise.
async fn ask<C: Check>(
    check: &Arc<C>,
    running: &mut JoinSet<Result<(), BoxError>>,
    limit: Duration,
) -> Option<String> {
    // An aborted run is over once it has yielded, unless it blocks its thread.
    while running.try_join_next().is_some() {}
    if !running.is_empty() {
        return Some("the run before has not returned yet".into());
    }
    let check = check.clone();
    running.spawn(async move { check.run().await });
    match timeout(limit, running.join_next()).await {
        Ok(None | Some(Ok(Ok(())))) => None,
        Ok(Some(Ok(Err(error)))) => Some(error.to_string()),
        Ok(Some(Err(error))) => Some(epitaph(error)),
        Err(_) => {
            running.abort_all();
            Some(format!("no answer within {limit:?}"))
        }
    }
}

/// What a run that panicked had to say.
fn epitaph(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "the runtime is shutting down".into();
    };
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", said.unwrap_or("without a message"))
}

impl CheckConfig {
    /// From one run to the next, where `chance` is a random number from 0 to 1.
    pub(super) fn wait(&self, chance: f64) -> Duration {
        self.interval
            .mul_f64(1.0 + self.jitter * (2.0 * chance - 1.0))
    }
}
