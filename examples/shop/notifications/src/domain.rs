//! Which event is worth a message, and what it says. No I/O.

use serde::Deserialize;
use shop_kit::{
    events::{
        OrderCancelled, OrderCompleted, OrderConfirmed, OrderCreated, OrderExpired, OrderRejected,
        ShipmentDispatched, Told,
    },
    ids::OrderId,
};
use tower_keep_durable::{Event, event::InvalidEvent};

/// What is listened to. Of a creation only the customer is of interest.
pub(crate) const KINDS: [&str; 7] = [
    OrderCreated::KIND,
    OrderConfirmed::KIND,
    OrderCompleted::KIND,
    OrderRejected::KIND,
    OrderCancelled::KIND,
    OrderExpired::KIND,
    ShipmentDispatched::KIND,
];

/// What an event means to this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) order: OrderId,
    /// Whose order it is, if the event says so.
    pub(crate) customer: Option<String>,
    pub(crate) message: Option<Message>,
}

/// What a customer is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// An order has one message of each kind.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// What every event of the order service says.
#[derive(Deserialize)]
struct Whose {
    order: OrderId,
    customer: String,
}

/// Reads an event; none if it is of a kind that this service does not know.
pub(crate) fn read(event: &Event) -> Result<Option<News>, InvalidEvent> {
    if event.kind() == ShipmentDispatched::KIND {
        let ShipmentDispatched { order, .. } = event.read()?;
        let text = format!("Your order {order} is on its way.");
        return Ok(Some(News {
            order,
            customer: None,
            message: Some(Message {
                kind: "dispatched",
                text,
            }),
        }));
    }
    let (kind, text) = match event.kind() {
        OrderCreated::KIND => ("created", None),
        OrderConfirmed::KIND => {
            let OrderConfirmed { order, total, .. } = event.read()?;
            let text = format!("We have set aside what you ordered as {order}, for {total}.");
            ("confirmed", Some(text))
        }
        OrderCompleted::KIND => {
            let OrderCompleted { order, total, .. } = event.read()?;
            let text = format!("Your order {order} is paid, {total}, and is being sent.");
            ("completed", Some(text))
        }
        OrderRejected::KIND => {
            let OrderRejected { order, reason, .. } = event.read()?;
            let text = format!("We cannot carry out your order {order}: {reason}.");
            ("rejected", Some(text))
        }
        OrderCancelled::KIND => {
            let OrderCancelled { order, .. } = event.read()?;
            let text = format!("Your order {order} is cancelled, and your money is yours again.");
            ("cancelled", Some(text))
        }
        OrderExpired::KIND => {
            let OrderExpired { order, .. } = event.read()?;
            let text = format!("Your order {order} took too long and was dropped.");
            ("expired", Some(text))
        }
        _ => return Ok(None),
    };
    let Whose { order, customer } = event.read()?;
    Ok(Some(News {
        order,
        customer: Some(customer),
        message: text.map(|text| Message { kind, text }),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shop_kit::events::tell;

    use super::*;

    #[test]
    fn what_a_customer_need_not_know_is_no_message() {
        let created = OrderCreated {
            order: OrderId::generate(),
            customer: "cus_a".into(),
            lines: Vec::new(),
        };
        let news = read(&tell("orders", &created)).unwrap().unwrap();
        assert_eq!(
            (news.customer.as_deref(), news.message),
            (Some("cus_a"), None)
        );
        let other = Event::new("/shop/orders", "shop.order.admired.v1", json!({}));
        assert_eq!(read(&other), Ok(None));
    }

    #[test]
    fn an_event_that_does_not_keep_the_contract_is_refused() {
        for kind in KINDS {
            let event = Event::new("/shop/orders", kind, json!({"customer": "cus_a"}));
            assert!(read(&event).is_err(), "{kind}");
        }
    }
}
