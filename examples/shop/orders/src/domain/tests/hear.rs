//! The side of orders in choreography: for every state and every order of what is told.

use shop_kit::{
    events::{
        PaymentAuthorized, PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentVoided,
        ShipmentCancelRefused, ShipmentCancelled, ShipmentCreated, ShipmentDispatched,
        StockCommitted, StockHeld, StockRejected, StockReleased, Told,
    },
    flow::Flow,
};

use super::*;
use crate::domain::Parts;

fn placed(flow: Flow) -> Order {
    let created = OrderCreated {
        order: OrderId::generate(),
        customer: "cus_anna".into(),
        lines: Vec::new(),
    };
    let mut story = Story::default();
    story.apply(&flow.mark(tell(NAME, &created))).unwrap();
    story.order.unwrap()
}

/// The event of this kind about an order, as its service tells it.
fn event(order: &Order, kind: &str) -> Event {
    let (order, reason) = (order.id, "no".to_owned());
    let (reservation, payment, shipment) = (order.reservation(), order.payment(), order.shipment());
    let amount = total();
    match kind {
        StockHeld::KIND => tell(
            "inventory",
            &StockHeld {
                order,
                reservation,
                total: amount,
                account: None,
            },
        ),
        StockRejected::KIND => tell(
            "inventory",
            &StockRejected {
                order,
                reservation,
                reason,
            },
        ),
        StockCommitted::KIND => tell("inventory", &StockCommitted { order, reservation }),
        StockReleased::KIND => tell("inventory", &StockReleased { order, reservation }),
        PaymentAuthorized::KIND => tell(
            "payments",
            &PaymentAuthorized {
                order,
                payment,
                amount,
            },
        ),
        PaymentDeclined::KIND => tell(
            "payments",
            &PaymentDeclined {
                order,
                payment,
                reason,
            },
        ),
        PaymentCaptured::KIND => tell(
            "payments",
            &PaymentCaptured {
                order,
                payment,
                amount,
            },
        ),
        PaymentVoided::KIND => tell("payments", &PaymentVoided { order, payment }),
        PaymentRefunded::KIND => tell(
            "payments",
            &PaymentRefunded {
                order,
                payment,
                amount,
            },
        ),
        ShipmentCreated::KIND => tell("shipping", &ShipmentCreated { order, shipment }),
        ShipmentDispatched::KIND => tell("shipping", &ShipmentDispatched { order, shipment }),
        ShipmentCancelled::KIND => tell("shipping", &ShipmentCancelled { order, shipment }),
        ShipmentCancelRefused::KIND => tell(
            "shipping",
            &ShipmentCancelRefused {
                order,
                shipment,
                reason,
            },
        ),
        kind => panic!("nobody tells {kind}"),
    }
}

/// The order after all of this was told, one after the other, and what the order service told of it.
fn hears(mut order: Order, kinds: &[&str]) -> (Order, Vec<String>) {
    let mut told = Vec::new();
    for kind in kinds {
        let heard = event(&order, kind);
        let happened = order.hear(&heard).unwrap();
        assert_eq!(happened[0], heard, "what was heard is part of the story");
        for next in &happened {
            order.apply(next).unwrap();
        }
        for next in &happened[1..] {
            assert_eq!(Flow::of(next), Flow::Choreography, "{}", next.kind());
            assert_eq!(next.causation_id(), Some(heard.id()));
            told.push(next.kind().to_owned());
        }
    }
    (order, told)
}

fn wants_it_undone(mut order: Order) -> Order {
    for event in order.request_cancel().unwrap() {
        order.apply(&event).unwrap();
    }
    order
}

const CONFIRMED: &str = "shop.order.confirmed.v1";
const COMPLETED: &str = "shop.order.completed.v1";
const REJECTED: &str = "shop.order.rejected.v1";
const CANCELLED: &str = "shop.order.cancelled.v1";
const REFUSED: &str = "shop.order.cancel_refused.v1";

/// All orders in which these can come.
fn permutations(kinds: &[&'static str]) -> Vec<Vec<&'static str>> {
    let Some((first, rest)) = kinds.split_first() else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for rest in permutations(rest) {
        for at in 0..=rest.len() {
            let mut one = rest.clone();
            one.insert(at, *first);
            all.push(one);
        }
    }
    all
}

#[test]
fn whatever_comes_first_a_confirmed_order_is_completed_with_the_last_of_three() {
    let done = [
        PaymentCaptured::KIND,
        StockCommitted::KIND,
        ShipmentCreated::KIND,
    ];
    for kinds in permutations(&done) {
        // The hold may be heard after the money that was set aside for it.
        for begin in [
            [StockHeld::KIND, PaymentAuthorized::KIND],
            [PaymentAuthorized::KIND, StockHeld::KIND],
        ] {
            let (order, told) = hears(placed(Flow::Choreography), &begin);
            assert_eq!(
                (order.status, order.total),
                (Status::Confirmed, Some(total()))
            );
            assert_eq!(told, [CONFIRMED]);
            let (order, told) = hears(order, &kinds[..2]);
            assert_eq!((order.status, told.len()), (Status::Confirmed, 0));
            assert_eq!(order.waits_for().len(), 1, "{:?}", order.parts);
            let (order, told) = hears(order, &kinds[2..]);
            assert_eq!(order.status, Status::Completed);
            assert_eq!(told, [COMPLETED]);
        }
    }
}

#[test]
fn who_says_no_is_named_with_the_reason() {
    for (kind, by) in [
        (StockRejected::KIND, "inventory"),
        (PaymentDeclined::KIND, "payments"),
    ] {
        let (order, told) = hears(placed(Flow::Choreography), &[kind]);
        let refusal = order.refusal.clone().unwrap();
        assert_eq!((&*refusal.by, &*refusal.reason), (by, "no"));
        assert_eq!(told, [REJECTED]);
        assert!(order.waits_for().is_empty());
    }
}

#[test]
fn at_each_stage_a_cancellation_waits_for_the_parcel_then_for_money_and_goods() {
    use {
        PaymentAuthorized as Authorized, PaymentCaptured as Captured, PaymentDeclined as Declined,
        ShipmentCreated as Packed, StockCommitted as Committed, StockHeld as Held,
        StockRejected as SoldOut,
    };
    let undone = [
        ShipmentCancelled::KIND,
        StockReleased::KIND,
        PaymentVoided::KIND,
    ];
    let stages: [&[&str]; 6] = [
        &[],
        &[Held::KIND],
        &[Held::KIND, Authorized::KIND],
        &[Held::KIND, Authorized::KIND, Captured::KIND, Packed::KIND],
        &[Held::KIND, Authorized::KIND, Committed::KIND],
        &[
            Held::KIND,
            Authorized::KIND,
            Captured::KIND,
            Packed::KIND,
            Committed::KIND,
        ],
    ];
    for stage in stages {
        let (order, _) = hears(placed(Flow::Choreography), stage);
        let order = wants_it_undone(order);
        assert_eq!(order.waits_for(), ["shipping"]);
        // What was under way goes on meanwhile, and changes nothing.
        for late in [Held::KIND, Authorized::KIND, Packed::KIND, Committed::KIND] {
            let (order, told) = hears(order.clone(), &[late]);
            assert_eq!(
                (order.status, told.len()),
                (Status::Cancelling, 0),
                "{late}"
            );
        }
        for kinds in permutations(&undone) {
            let (order, told) = hears(order.clone(), &kinds[..2]);
            assert_eq!((order.status, told.len()), (Status::Cancelling, 0));
            assert_eq!(order.waits_for().len(), 1, "{:?}", order.parts);
            let (order, told) = hears(order, &kinds[2..]);
            assert_eq!(order.status, Status::Cancelled, "{stage:?}, {kinds:?}");
            assert_eq!(told, [CANCELLED]);
        }
    }
    // Somebody had said no while the customer changed their mind.
    for (stage, rest) in [
        (&[SoldOut::KIND][..], &[undone[0], undone[2]][..]),
        (&[Held::KIND, Declined::KIND], &[undone[1], undone[0]]),
    ] {
        let order = wants_it_undone(placed(Flow::Choreography));
        let (order, told) = hears(order, stage);
        assert_eq!((order.status, told.len()), (Status::Cancelling, 0));
        let (order, _) = hears(order, rest);
        assert_eq!((order.status, order.refusal), (Status::Cancelled, None));
    }
}

#[test]
fn a_parcel_that_has_left_stays_and_the_order_is_completed_after_all() {
    let stage = [
        StockHeld::KIND,
        PaymentAuthorized::KIND,
        ShipmentCreated::KIND,
        StockCommitted::KIND,
    ];
    let (order, _) = hears(placed(Flow::Choreography), &stage);
    let order = wants_it_undone(order);
    let rest = [
        ShipmentDispatched::KIND,
        PaymentCaptured::KIND,
        ShipmentCancelRefused::KIND,
    ];
    let (order, told) = hears(order, &rest);
    assert_eq!(told, [REFUSED, COMPLETED]);
    assert_eq!(order.status, Status::Completed);
    // Asked again it is said again.
    let (order, told) = hears(wants_it_undone(order), &[ShipmentCancelRefused::KIND]);
    assert_eq!(told, [REFUSED]);
    assert_eq!((order.status, order.before), (Status::Completed, None));
}

#[test]
fn what_is_told_after_the_end_is_kept_and_changes_nothing() {
    let order = || placed(Flow::Choreography);
    let mut expired = order();
    for event in expired.expire().unwrap() {
        expired.apply(&event).unwrap();
    }
    let (rejected, _) = hears(order(), &[StockRejected::KIND]);
    let undone = [
        ShipmentCancelled::KIND,
        PaymentVoided::KIND,
        StockReleased::KIND,
    ];
    let (cancelled, _) = hears(wants_it_undone(order()), &undone);
    for ended in [expired, rejected, cancelled] {
        for kind in KINDS {
            let (after, told) = hears(ended.clone(), &[kind]);
            assert_eq!((after.status, told.len()), (ended.status, 0), "{kind}");
        }
        // An old event that comes again does not take anything back.
        let (after, _) = hears(
            ended,
            &[&[StockReleased::KIND][..], &[StockHeld::KIND]].concat(),
        );
        assert!(after.parts.is_stock_free());
    }
}

#[test]
fn an_order_of_the_other_flow_hears_nothing() {
    let order = placed(Flow::Orchestration);
    for kind in KINDS {
        assert_eq!(order.hear(&event(&order, kind)), Ok(Vec::new()));
    }
    assert_eq!(order.parts, Parts::default());
}
