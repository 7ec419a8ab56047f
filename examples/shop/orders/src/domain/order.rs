use serde::{Deserialize, Serialize};
use shop_kit::{
    events::{
        Line, OrderCancelRefused, OrderCancelRequested, OrderCancelled, OrderCompleted,
        OrderConfirmed, OrderCreated, OrderExpired, OrderRejected, Told,
    },
    flow::Flow,
    ids::OrderId,
    money::Money,
};
use tower_keep_durable::{Event, event::InvalidEvent, event_store::Aggregate};

use super::{Parts, Status};
use crate::NAME;

/// An order as its events tell it, and as others see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) customer: String,
    pub(crate) status: Status,
    pub(crate) lines: Vec<Line>,
    /// Known once it is confirmed, at the prices of the moment in which stock was set aside.
    pub(crate) total: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<Refusal>,
    /// What it was before its customer wanted it undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Status>,
    /// How it finds its way; it keeps to that.
    #[serde(default, skip_serializing_if = "Flow::is_default")]
    pub(crate) flow: Flow,
    /// By choreography: what the others have told.
    #[serde(default, skip_serializing_if = "Parts::is_empty")]
    pub(crate) parts: Parts,
}

/// Who said no, and in which words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) by: String,
    pub(crate) reason: String,
}

/// The events of one order; none before it is created.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Story {
    pub(crate) order: Option<Order>,
}

impl Aggregate for Story {
    const SHAPE: i64 = 2;

    fn apply(&mut self, event: &Event) -> Result<(), InvalidEvent> {
        if event.kind() == OrderCreated::KIND {
            let created: OrderCreated = event.read()?;
            self.order = Some(Order {
                id: created.order,
                customer: created.customer,
                status: Status::Pending,
                lines: created.lines,
                total: None,
                refusal: None,
                before: None,
                flow: Flow::of(event),
                parts: Parts::default(),
            });
            return Ok(());
        }
        match &mut self.order {
            Some(order) => order.apply(event),
            // The log of orders begins with a creation.
            None => Ok(()),
        }
    }
}

impl Order {
    pub(super) fn apply(&mut self, event: &Event) -> Result<(), InvalidEvent> {
        match event.kind() {
            OrderConfirmed::KIND => {
                self.total = Some(event.read::<OrderConfirmed>()?.total);
                self.status = Status::Confirmed;
            }
            // Who wants it undone meanwhile gets what was done until now undone as well.
            OrderCompleted::KIND if self.status == Status::Cancelling => {
                self.before = Some(Status::Completed);
            }
            OrderCompleted::KIND => self.status = Status::Completed,
            OrderRejected::KIND => {
                let OrderRejected { by, reason, .. } = event.read()?;
                self.refusal = Some(Refusal { by, reason });
                self.status = Status::Rejected;
            }
            OrderExpired::KIND => {
                let reason = "nobody said in time whether it can be carried out".to_owned();
                let by = NAME.to_owned();
                self.refusal = Some(Refusal { by, reason });
                self.status = Status::Expired;
            }
            OrderCancelRequested::KIND => {
                self.before = Some(self.status);
                self.status = Status::Cancelling;
                self.refusal = None;
            }
            OrderCancelRefused::KIND => {
                let reason = event.read::<OrderCancelRefused>()?.reason;
                let by = "shipping".to_owned();
                self.refusal = Some(Refusal { by, reason });
                self.status = self.before.take().unwrap_or(Status::Completed);
            }
            OrderCancelled::KIND => {
                self.before = None;
                self.status = Status::Cancelled;
            }
            kind => self.parts.hear(kind),
        }
        Ok(())
    }
}
