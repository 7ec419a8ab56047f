//! What the saga engine does.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use tower_keep_durable::{
    Db,
    saga::{Committed, Cx, Plan as Steps, Saga, Sagas, StepError, Worker},
};

use crate::{
    Failed,
    plan::{Plan, print},
};

tower_keep_durable::saga_steps! {
    enum Step { Reserve = "reserve", Charge = "charge", Confirm = "confirm", Ship = "ship" }
}

/// As large as a small order.
#[derive(Serialize, Deserialize)]
struct Order {
    lines: Vec<(String, u32)>,
}

/// Four steps whose participants answer at once, and how many sagas have come to their last. The third
/// may be refused: then two are undone.
#[derive(Default)]
struct Bench<const REFUSED: bool>(Arc<AtomicUsize>);

impl<const REFUSED: bool> Bench<REFUSED> {
    fn is_done(&self) {
        // Relaxed: it is read when nobody works any more.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl<const REFUSED: bool> Saga for Bench<REFUSED> {
    const NAME: &'static str = if REFUSED { "bench-refused" } else { "bench" };
    type Step = Step;
    type State = Order;

    fn plan(&self) -> Steps<Step, Committed> {
        Steps::new(format!("{}/v1", Self::NAME))
            .compensatable(Step::Reserve)
            .compensatable(Step::Charge)
            .pivot(Step::Confirm)
            .retriable(Step::Ship)
    }

    async fn run(&self, step: Step, _: &Cx, _: &mut Order) -> Result<(), StepError> {
        match step {
            Step::Confirm if REFUSED => return Err(StepError::rejected("refused")),
            Step::Ship => self.is_done(),
            _ => {}
        }
        Ok(())
    }

    async fn undo(&self, step: Step, _: &Cx, _: &mut Order) -> Result<(), StepError> {
        if step == Step::Reserve {
            self.is_done();
        }
        Ok(())
    }
}

/// Measures the saga engine on one database and prints a line for each figure.
///
/// # Errors
/// The database does not answer.
pub async fn measure(db: &Db, plan: Plan) -> Result<(), Failed> {
    for at_once in [1, 16] {
        let what = format!("sagas of four steps completed, {at_once} at a time");
        run(db, plan, Bench::<false>::default(), at_once, &what).await?;
    }
    let what = "sagas undone after the third step, 16 at a time";
    run(db, plan, Bench::<true>::default(), 16, what).await
}

async fn run<const REFUSED: bool>(
    db: &Db,
    plan: Plan,
    saga: Bench<REFUSED>,
    at_once: usize,
    what: &str,
) -> Result<(), Failed> {
    let (sagas, done) = (Sagas::new(db), saga.0.clone());
    start(db, &sagas, &saga, plan.sagas).await?;
    let worker = Worker::new(&sagas).concurrency(at_once).register(saga)?;
    let began = Instant::now();
    worker.run(sleep(plan.time)).await;
    print(what, done.load(Ordering::Relaxed), began.elapsed());
    Ok(())
}

/// Starts so many, before the time runs.
async fn start<S: Saga<State = Order>>(
    db: &Db,
    sagas: &Sagas,
    saga: &S,
    count: usize,
) -> Result<(), Failed> {
    let order = Order {
        lines: vec![("tea".to_owned(), 2), ("mug".to_owned(), 1)],
    };
    let mut tx = db.begin_write().await?;
    for _ in 0..count {
        sagas.start(&mut tx, saga, &order).await?;
    }
    tx.commit().await?;
    // As a server in use does by itself: without it PostgreSQL sorts all that are due for each that is
    // claimed.
    sqlx::query("ANALYZE keep_sagas").execute(db.pool()).await?;
    Ok(())
}
