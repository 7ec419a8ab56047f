use shop_kit::{
    db::Tx,
    events::{
        PaymentAuthorized, PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentVoided, tell,
    },
    flow::Flow,
};
use tower_keep_durable::Event;

use super::{Store, row};
use crate::{
    NAME,
    domain::{Payment, Report, Status, Terms},
};

impl Store {
    /// Commits what the network says of a payment, with its entries in the ledger and its event; what
    /// is nothing new changes nothing. Answers the payment as it is then, if there is one.
    pub(crate) async fn learn(&self, report: &Report) -> Result<Option<Payment>, sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let payment = self.learn_within(&mut tx, report).await?;
        self.outbox.commit(tx).await?;
        // A wish may have become an intent.
        if payment
            .as_ref()
            .is_some_and(|payment| payment.flow == Flow::Choreography)
        {
            self.wake();
        }
        Ok(payment)
    }

    /// The same, in the transaction of a webhook.
    pub(super) async fn learn_within(
        &self,
        tx: &mut Tx,
        report: &Report,
    ) -> Result<Option<Payment>, sqlx::Error> {
        loop {
            let Some(payment) = row::load(tx, report.id).await? else {
                return Ok(None);
            };
            let (Some(verb), Some(to)) = (
                payment.status.under_way(),
                payment.status.learn(report.status),
            ) else {
                return Ok(Some(payment));
            };
            let decline = report.decline.clone();
            let moved: Option<(Option<String>,)> = sqlx::query_as(
                "UPDATE payments SET status = $1, decline_code = $2, decline_detail = $3,
                    due_at = NULL, attempts = 0
                 WHERE id = $4 AND status = $5 RETURNING wish",
            )
            .bind(to.as_str())
            .bind(decline.as_ref().map(|decline| decline.code.clone()))
            .bind(decline.as_ref().map(|decline| decline.detail.clone()))
            .bind(payment.id.to_string())
            .bind(payment.status.as_str())
            .fetch_optional(&mut **tx)
            .await?;
            // Another came between; then it is looked at again.
            let Some((wish,)) = moved else {
                continue;
            };
            let payment = Payment {
                status: to,
                decline,
                ..payment
            };
            if let Some(terms) = &payment.terms {
                self.book(tx, verb, &payment, terms).await?;
                if let Some(event) = event(&payment, terms) {
                    self.outbox.append(tx, &event).await?;
                }
            }
            if let Some(wish) = wish {
                self.grant(tx, &wish, payment.id).await?;
            }
            return Ok(Some(payment));
        }
    }
}

/// What the others are to hear of it.
pub(super) fn event(payment: &Payment, terms: &Terms) -> Option<Event> {
    let event = payment.flow.mark(told(payment, terms)?);
    Some(match &payment.correlation {
        Some(id) => event.correlated(&**id),
        None => event,
    })
}

fn told(payment: &Payment, terms: &Terms) -> Option<Event> {
    let (order, amount) = (terms.order, terms.amount);
    let payment_id = payment.id;
    Some(match payment.status {
        Status::Authorized => tell(
            NAME,
            &PaymentAuthorized {
                order,
                payment: payment_id,
                amount,
            },
        ),
        Status::Declined => tell(
            NAME,
            &PaymentDeclined {
                order,
                payment: payment_id,
                reason: payment
                    .decline
                    .as_ref()
                    .map_or_else(String::new, |decline| decline.detail.clone()),
            },
        ),
        Status::Captured => tell(
            NAME,
            &PaymentCaptured {
                order,
                payment: payment_id,
                amount,
            },
        ),
        Status::Voided => tell(
            NAME,
            &PaymentVoided {
                order,
                payment: payment_id,
            },
        ),
        Status::Refunded => tell(
            NAME,
            &PaymentRefunded {
                order,
                payment: payment_id,
                amount,
            },
        ),
        Status::Authorizing | Status::Capturing | Status::Voiding | Status::Refunding => {
            return None;
        }
    })
}
