//! What the saga engine does.

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tower_keep_durable::{
    Db,
    saga::{Committed, Cx, Passed, Plan as Steps, Saga, SagaError, Sagas, StepError, Worker},
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

/// Four steps whose participants answer at once. The third may be refused: then two are undone.
struct Bench<const REFUSED: bool>;

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
            Step::Confirm if REFUSED => Err(StepError::rejected("refused")),
            _ => Ok(()),
        }
    }

    async fn undo(&self, _: Step, _: &Cx, _: &mut Order) -> Result<(), StepError> {
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
        run(db, plan, Bench::<false>, at_once, &what).await?;
    }
    let what = "sagas undone after the third step, 16 at a time";
    run(db, plan, Bench::<true>, 16, what).await
}

async fn run<S: Saga<State = Order>>(
    db: &Db,
    plan: Plan,
    saga: S,
    at_once: usize,
    what: &str,
) -> Result<(), Failed> {
    let sagas = Sagas::new(db);
    start(db, &sagas, &saga, plan.sagas).await?;
    let worker = Worker::new(&sagas).register(saga)?;
    let began = Instant::now();
    let counts = try_join_all((0..at_once).map(|_| work(&worker, began, plan))).await?;
    print(what, counts.iter().sum(), began.elapsed());
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
    Ok(())
}

/// Moves one after the other on to its end, until none is left or the time is over.
async fn work(worker: &Worker, began: Instant, plan: Plan) -> Result<usize, SagaError> {
    let mut count = 0;
    while began.elapsed() < plan.time && worker.pass().await? != Passed::Idle {
        count += 1;
    }
    Ok(count)
}
