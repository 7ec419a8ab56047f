//! Goods and money, or neither: `cargo run --example saga`.

use serde::{Deserialize, Serialize};
use tower_keep_durable::{
    BoxError, Db,
    db::file_url,
    outbox,
    saga::{self, Committed, Cx, Plan, Saga, Sagas, StepError, Worker},
};

tower_keep_durable::saga_steps! {
    enum Step { Reserve = "reserve", Charge = "charge", Confirm = "confirm" }
}

struct PlaceOrder; // in a service it holds the clients of the participants, with their layers

#[derive(Serialize, Deserialize)]
struct Order(u32); // its price

impl Saga for PlaceOrder {
    const NAME: &'static str = "place-order";
    type Step = Step;
    type State = Order;

    fn plan(&self) -> Plan<Step, Committed> {
        let plan = Plan::new("place-order/v1").compensatable(Step::Reserve);
        plan.compensatable(Step::Charge).pivot(Step::Confirm)
    }

    async fn run(&self, step: Step, cx: &Cx, order: &mut Order) -> Result<(), StepError> {
        println!("{step:?} under the key {}", cx.key());
        match step {
            Step::Charge if order.0 > 100 => Err(StepError::rejected("too little money")),
            Step::Reserve | Step::Charge | Step::Confirm => Ok(()),
        }
    }

    async fn undo(&self, step: Step, cx: &Cx, _: &mut Order) -> Result<(), StepError> {
        println!("undo {step:?} under the key {}", cx.key());
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let url = file_url(&folder.path().join("orders.db"));
    let db = Db::open(&url, &[saga::SCHEMA, outbox::SCHEMA]).await?;
    let sagas = Sagas::new(&db);
    let worker = Worker::new(&sagas).register(PlaceOrder)?;
    for (id, price) in [("tea", 7), ("telescope", 900)] {
        let mut tx = db.begin_write().await?; // with the row of the order
        let order = Order(price);
        sagas.start_as(&mut tx, id, &PlaceOrder, &order).await?;
        tx.commit().await?;
        println!("{:?}", worker.pass().await?);
    }
    Ok(())
}
