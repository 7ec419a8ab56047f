use shop_kit::{
    db::Tx,
    events::{
        OrderCancelled, OrderConfirmed, OrderExpired, OrderRejected, PaymentDeclined,
        PaymentVoided, ShipmentCancelled, StockHeld, Told, order_of, tell,
    },
    flow::Flow,
    ids::OrderId,
    problem::Problem,
};
use tower_keep_durable::{
    Event,
    inbox::{Handler, HandlerError},
};

use super::{Store, learn, row, want::Wanted};
use crate::{
    NAME,
    domain::{Authorize, Payment, Refusal, Status, Verb},
};

/// The part of payments in choreography: what it wants of the card network when others tell something
/// of an order. Here the intent is written and no more; the network is called by the reconciler once
/// that is committed, so that a lost answer is asked for again.
#[derive(Debug)]
pub(crate) struct React {
    store: Store,
}

/// What it acts on.
pub(crate) const KINDS: [&str; 6] = [
    StockHeld::KIND,
    OrderConfirmed::KIND,
    OrderRejected::KIND,
    OrderCancelled::KIND,
    OrderExpired::KIND,
    ShipmentCancelled::KIND,
];

impl Handler for React {
    const NAME: &'static str = "payments-flow";

    async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        match event.kind() {
            StockHeld::KIND => self.authorize(tx, event).await,
            OrderConfirmed::KIND => self.capture(tx, event).await,
            OrderRejected::KIND
            | OrderCancelled::KIND
            | OrderExpired::KIND
            | ShipmentCancelled::KIND => self.give_back(tx, event).await,
            _ => Ok(()),
        }
    }
}

impl React {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    async fn authorize(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let StockHeld {
            order,
            total,
            account,
            ..
        } = event.read()?;
        let account = account
            .ok_or_else(|| HandlerError::poison("data.account: nobody is named who pays"))?;
        let request = Authorize {
            id: order.payment(),
            order,
            account,
            amount: total,
        };
        if let Err(problem) = request.validate() {
            return self.decline(tx, event, order, &problem).await;
        }
        let inserted = sqlx::query(
            "INSERT INTO payments (id, status, order_id, account, amount, currency, due_at, flow,
                correlation)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        )
        .bind(request.id.to_string())
        .bind(Status::Authorizing.as_str())
        .bind(order.to_string())
        .bind(&request.account)
        .bind(total.minor)
        .bind(total.currency.to_string())
        .bind(self.store.db.now())
        .bind(Flow::Choreography.as_str())
        .bind(event.correlation_id())
        .execute(&mut **tx)
        .await?;
        // What is there was asked for before, or is the tombstone of an order that has ended.
        if inserted.rows_affected() == 1 || row::load(tx, request.id).await?.is_some() {
            return Ok(());
        }
        let refused = Problem::from(Refusal::SecondPayment);
        self.decline(tx, event, order, &refused).await
    }

    async fn decline(
        &self,
        tx: &mut Tx,
        event: &Event,
        order: OrderId,
        problem: &Problem,
    ) -> Result<(), HandlerError> {
        let declined = PaymentDeclined {
            order,
            payment: order.payment(),
            reason: problem.detail.clone(),
        };
        self.tell(tx, event, &declined).await
    }

    async fn capture(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let order = order_of(event)?;
        match self.store.wish(tx, Verb::Capture, order.payment()).await? {
            Wanted::Begun(_) | Wanted::UnderWay(_) | Wanted::Done(_) => Ok(()),
            // The order was cancelled meanwhile, and that was heard first.
            Wanted::Refused(Refusal::NothingHeld(_)) => Ok(()),
            Wanted::Refused(refusal) => {
                Err(HandlerError::poison(Problem::from(refusal).detail.clone()))
            }
        }
    }

    /// Voids, refunds or leaves a tombstone, whatever it takes.
    async fn give_back(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let order = order_of(event)?;
        let wanted = self.store.wish(tx, Verb::Refund, order.payment()).await?;
        match wanted {
            // Whoever cancels waits to hear that nothing is owed, however long that has been so.
            Wanted::Done(payment) if event.kind() == ShipmentCancelled::KIND => {
                self.tell_again(tx, event, order, &payment).await
            }
            Wanted::Begun(_) | Wanted::UnderWay(_) | Wanted::Done(_) => Ok(()),
            Wanted::Refused(refusal) => {
                Err(HandlerError::poison(Problem::from(refusal).detail.clone()))
            }
        }
    }

    /// What became of a payment that has ended.
    async fn tell_again(
        &self,
        tx: &mut Tx,
        cause: &Event,
        order: OrderId,
        payment: &Payment,
    ) -> Result<(), HandlerError> {
        let terms = payment.terms.as_ref();
        match terms.and_then(|terms| learn::event(payment, terms)) {
            Some(event) => {
                let event = Flow::Choreography.mark(event.caused_by(cause));
                Ok(self.store.outbox.append(tx, &event).await?)
            }
            None => {
                let payment = payment.id;
                self.tell(tx, cause, &PaymentVoided { order, payment })
                    .await
            }
        }
    }

    async fn tell(&self, tx: &mut Tx, cause: &Event, told: &impl Told) -> Result<(), HandlerError> {
        let event = Flow::Choreography.mark(tell(NAME, told).caused_by(cause));
        Ok(self.store.outbox.append(tx, &event).await?)
    }
}
