use shop_kit::{
    events::{
        OrderCancelRefused, OrderCancelRequested, OrderCancelled, OrderCompleted, OrderConfirmed,
        OrderExpired, OrderRejected, Told, tell,
    },
    money::Money,
};
use tower_keep_durable::Event;

use super::{Order, Refusal, Status};
use crate::NAME;

/// The order is in a state in which that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the order is {}", .0.as_str())]
pub(crate) struct NotNow(pub(crate) Status);

/// What has happened then; nothing if it had happened before.
type Decision = Result<Vec<Event>, NotNow>;

impl Order {
    /// What the order service tells of it, with the mark of its flow.
    fn tells(&self, told: &impl Told) -> Vec<Event> {
        vec![self.flow.mark(tell(NAME, told))]
    }

    /// Stock and money are set aside: from here on there is only forward. Not for an order whose
    /// customer wants it undone.
    pub(crate) fn confirm(&self, total: Money) -> Decision {
        let (order, customer) = (self.id, self.customer.clone());
        match self.status {
            Status::Pending => Ok(self.tells(&OrderConfirmed {
                order,
                customer,
                total,
                lines: self.lines.clone(),
            })),
            status => Err(NotNow(status)),
        }
    }

    /// It was paid, and the parcel is packed.
    pub(crate) fn complete(&self) -> Decision {
        let (order, customer) = (self.id, self.customer.clone());
        match (self.status, self.total) {
            (Status::Confirmed | Status::Cancelling, Some(total)) => {
                Ok(self.tells(&OrderCompleted {
                    order,
                    customer,
                    total,
                }))
            }
            (status, _) => Err(NotNow(status)),
        }
    }

    /// Nothing of it is left: rejected, or cancelled if that is what its customer wanted.
    pub(crate) fn close(&self, refusal: &Refusal) -> Decision {
        let (order, customer) = (self.id, self.customer.clone());
        match self.status {
            Status::Pending => Ok(self.tells(&OrderRejected {
                order,
                customer,
                by: refusal.by.clone(),
                reason: refusal.reason.clone(),
            })),
            Status::Cancelling => Ok(self.tells(&OrderCancelled { order, customer })),
            status => Err(NotNow(status)),
        }
    }

    /// Nobody has said in time whether it can be carried out: it is given up.
    pub(crate) fn expire(&self) -> Decision {
        let (order, customer) = (self.id, self.customer.clone());
        match self.status {
            Status::Pending => Ok(self.tells(&OrderExpired { order, customer })),
            status => Err(NotNow(status)),
        }
    }

    /// The customer wants it undone.
    pub(crate) fn request_cancel(&self) -> Decision {
        let (order, customer) = (self.id, self.customer.clone());
        match self.status {
            Status::Pending | Status::Confirmed | Status::Completed => {
                Ok(self.tells(&OrderCancelRequested { order, customer }))
            }
            Status::Cancelling | Status::Cancelled => Ok(Vec::new()),
            Status::Rejected | Status::Expired => Err(NotNow(self.status)),
        }
    }

    /// The parcel has left, so it stays as it was.
    pub(crate) fn refuse_cancel(&self, reason: String) -> Decision {
        let (order, customer) = (self.id, self.customer.clone());
        match self.status {
            Status::Cancelling => Ok(self.tells(&OrderCancelRefused {
                order,
                customer,
                reason,
            })),
            status => Err(NotNow(status)),
        }
    }

    /// Everything was undone.
    pub(crate) fn cancelled(&self) -> Decision {
        let (order, customer) = (self.id, self.customer.clone());
        match self.status {
            Status::Cancelling => Ok(self.tells(&OrderCancelled { order, customer })),
            status => Err(NotNow(status)),
        }
    }
}
