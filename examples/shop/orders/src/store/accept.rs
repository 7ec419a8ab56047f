use std::time::Duration;

use shop_kit::{
    db::Tx,
    events::{OrderCreated, tell},
    flow::Flow,
    idempotency::{Answer, Begun, KeyError, Keyed, Ticket},
    ids::OrderId,
    problem::Problem,
};

use super::Store;
use crate::{
    NAME,
    domain::{NewOrder, Story},
    sagas::{PlaceOrder, Placing},
};

/// How long whoever waits for the end of an order has before a repeat of the request takes over.
const LEASE: Duration = Duration::from_secs(5);

/// What became of a request for an order.
#[derive(Debug, PartialEq)]
pub(crate) enum Accepted {
    /// It is this order, and the caller is to answer with this ticket.
    Order(OrderId, Ticket),
    /// It was answered before.
    Answered(Answer),
}

impl Store {
    /// Takes an order: its key, its first event, its saga and what is told of it, in one transaction.
    /// By choreography there is no saga: what is told is all that it takes.
    pub(crate) async fn accept(
        &self,
        saga: &PlaceOrder,
        flow: Flow,
        keyed: &Keyed,
        order: &NewOrder,
    ) -> Result<Accepted, Problem> {
        let id = OrderId::generate();
        let mut tx = self.db.begin_write().await?;
        let begun = self
            .keys
            .begin_lasting(&mut tx, keyed, &id.to_string(), LEASE)
            .await?;
        let accepted = match begun {
            Begun::Fresh(ticket) => {
                self.create(&mut tx, saga, flow, id, order).await?;
                Accepted::Order(id, ticket)
            }
            Begun::Abandoned(ticket, subject) => {
                let id = subject.parse().map_err(|error| Problem::internal(&error))?;
                Accepted::Order(id, ticket)
            }
            Begun::Answered(answer) => Accepted::Answered(answer.into()),
        };
        self.outbox.commit(tx).await?;
        self.sagas.wake();
        Ok(accepted)
    }

    async fn create(
        &self,
        tx: &mut Tx,
        saga: &PlaceOrder,
        flow: Flow,
        order: OrderId,
        new: &NewOrder,
    ) -> Result<(), Problem> {
        let (customer, lines) = (new.customer.clone(), new.lines.clone());
        let created = OrderCreated {
            order,
            customer: customer.clone(),
            lines: lines.clone(),
        };
        let events = vec![flow.mark(tell(NAME, &created))];
        self.decide(tx, order, |_: &Story| Ok(events.clone()))
            .await
            .map_err(|error| Problem::internal(&error))?;
        if flow == Flow::Choreography {
            return Ok(());
        }
        let placing = Placing {
            order,
            customer,
            lines,
            total: None,
        };
        self.sagas
            .start_as(tx, &saga.saga_of(order), saga, &placing)
            .await
            .map_err(|error| Problem::internal(&error))?;
        Ok(())
    }

    /// Records the answer of a request; one whose lease a repeat took over leaves that to the repeat.
    pub(crate) async fn answer(&self, ticket: &Ticket, answer: &Answer) -> Result<(), KeyError> {
        let mut tx = self.db.begin_write().await?;
        match self.keys.finish(&mut tx, ticket, answer).await {
            Err(KeyError::TakenOver) => Ok(()),
            other => {
                other?;
                Ok(tx.commit().await?)
            }
        }
    }
}
