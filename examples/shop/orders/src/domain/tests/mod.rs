use shop_kit::{
    events::{Line, OrderCreated, tell},
    ids::OrderId,
    money::{Currency, Money},
};
use tower_keep_durable::{Event, event_store::Aggregate};

use super::*;
use crate::NAME;

mod hear;

fn total() -> Money {
    Money::new(500, Currency::EUR)
}

fn no_stock() -> Refusal {
    Refusal {
        by: "inventory".into(),
        reason: "sold out".into(),
    }
}

type Decide = fn(&Order) -> Result<Vec<Event>, NotNow>;

/// An order to which all of this happened.
fn after(decisions: &[Decide]) -> Order {
    let mut story = Story::default();
    let created = OrderCreated {
        order: OrderId::generate(),
        customer: "cus_anna".into(),
        lines: vec![Line {
            product: "tea".into(),
            quantity: 2,
        }],
    };
    story.apply(&tell(NAME, &created)).unwrap();
    for decide in decisions {
        let events = decide(story.order.as_ref().unwrap()).unwrap();
        for event in &events {
            story.apply(event).unwrap();
        }
    }
    story.order.unwrap()
}

#[test]
fn an_order_goes_its_way() {
    let order = after(&[]);
    assert_eq!((order.status, order.total), (Status::Pending, None));
    let order = after(&[|order| order.confirm(total())]);
    assert_eq!(
        (order.status, order.total),
        (Status::Confirmed, Some(total()))
    );
    let order = after(&[|order| order.confirm(total()), Order::complete]);
    assert_eq!(order.status, Status::Completed);
    let order = after(&[|order| order.close(&no_stock())]);
    assert_eq!(order.status, Status::Rejected);
    assert_eq!(order.refusal, Some(no_stock()));
}

#[test]
fn what_is_to_be_undone_is_not_confirmed_and_ends_as_cancelled() {
    let order = after(&[Order::request_cancel]);
    assert_eq!(order.status, Status::Cancelling);
    assert_eq!(order.confirm(total()), Err(NotNow(Status::Cancelling)));
    let order = after(&[Order::request_cancel, |order| order.close(&no_stock())]);
    assert_eq!((order.status, order.refusal), (Status::Cancelled, None));
}

#[test]
fn a_cancellation_that_comes_late_leaves_the_order_as_it_was() {
    let order = after(&[
        |order| order.confirm(total()),
        Order::request_cancel,
        Order::complete,
        |order| order.refuse_cancel("on its way".into()),
    ]);
    assert_eq!(order.status, Status::Completed);
    assert_eq!(order.refusal.unwrap().reason, "on its way");
    assert_eq!(order.before, None);
}

#[test]
fn what_has_expired_has_nothing_to_undo_and_only_what_is_pending_expires() {
    let order = after(&[Order::expire]);
    assert_eq!(order.status, Status::Expired);
    assert_eq!(order.request_cancel(), Err(NotNow(Status::Expired)));
    assert_eq!(order.confirm(total()), Err(NotNow(Status::Expired)));
    let order = after(&[|order| order.confirm(total())]);
    assert_eq!(order.expire(), Err(NotNow(Status::Confirmed)));
}

#[test]
fn a_second_wish_changes_nothing_and_a_rejected_order_has_nothing_to_undo() {
    let order = after(&[Order::request_cancel]);
    assert_eq!(order.request_cancel(), Ok(Vec::new()));
    let order = after(&[|order| order.close(&no_stock())]);
    assert_eq!(order.request_cancel(), Err(NotNow(Status::Rejected)));
    assert_eq!(order.close(&no_stock()), Err(NotNow(Status::Rejected)));
}
