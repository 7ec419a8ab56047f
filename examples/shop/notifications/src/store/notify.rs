use shop_kit::{
    db::{Clock, Db, Tx},
    events::{NotificationSent, tell},
    ids::OrderId,
};
use tower_keep_durable::{
    Event,
    inbox::{Handler, HandlerError},
    outbox,
};

use crate::{
    NAME,
    domain::{Message, News, read},
};

/// Sends what an event calls for.
///
/// What shipping tells does not say whose order it is, and may arrive before the order service has
/// said so. To fail and be tried again would not help: the event that is waited for has the same key,
/// and comes after this one. So the message waits here.
#[derive(Debug)]
pub(crate) struct Notify {
    clock: Clock,
}

impl Handler for Notify {
    const NAME: &'static str = NAME;

    async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        let Some(News {
            order,
            customer,
            message,
        }) = read(event)?
        else {
            return Ok(());
        };
        if let Some(message) = message {
            put(tx, order, &message).await?;
        }
        if let Some(customer) = recipient(tx, order, customer).await? {
            self.send(tx, event, order, &customer).await?;
        }
        Ok(())
    }
}

impl Notify {
    pub(crate) fn new(db: &Db) -> Self {
        Self {
            clock: db.clock().clone(),
        }
    }

    /// Sends what waits for its recipient, and tells of it.
    async fn send(
        &self,
        tx: &mut Tx,
        cause: &Event,
        order: OrderId,
        customer: &str,
    ) -> Result<(), sqlx::Error> {
        let sent: Vec<(String,)> = sqlx::query_as(
            "UPDATE notifications SET customer = $1, sent_at = $2
             WHERE order_id = $3 AND sent_at IS NULL RETURNING text",
        )
        .bind(customer)
        .bind(self.clock.now())
        .bind(order.to_string())
        .fetch_all(&mut **tx)
        .await?;
        for (text,) in sent {
            let customer = customer.to_owned();
            let told = NotificationSent {
                order,
                customer,
                text,
            };
            outbox::append(tx, &self.clock, &tell(NAME, &told).caused_by(cause)).await?;
        }
        Ok(())
    }
}

async fn put(tx: &mut Tx, order: OrderId, message: &Message) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO notifications (order_id, kind, text) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(order.to_string())
    .bind(message.kind)
    .bind(&message.text)
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Whose order it is, if anybody has said so. Locks the order, so that of two transactions the second
/// sees what the first has put there.
async fn recipient(
    tx: &mut Tx,
    order: OrderId,
    customer: Option<String>,
) -> Result<Option<String>, sqlx::Error> {
    let (customer,): (Option<String>,) = sqlx::query_as(
        "INSERT INTO recipients (order_id, customer) VALUES ($1, $2)
         ON CONFLICT (order_id) DO UPDATE SET customer = COALESCE(recipients.customer, $2)
         RETURNING customer",
    )
    .bind(order.to_string())
    .bind(customer)
    .fetch_one(&mut **tx)
    .await?;
    Ok(customer)
}
