use serde_json::json;
use tower_keep_durable::{Event, bus::Types};

use super::rig::{Rig, event, ids};

pub(crate) async fn each_group_gets_everything(rig: Rig) {
    let other = rig.another().await;
    let mut one = rig.member(&rig.bus, "one").await;
    let mut two = rig.member(&other, "two").await;
    let events: Vec<_> = (0..30)
        .map(|n| event(&format!("key-{}", n % 7), n))
        .collect();
    rig.publish(&rig.bus, &events).await;
    tokio::join!(one.until_seen(ids(&events)), two.until_seen(ids(&events)));
}

pub(crate) async fn types_are_filtered(rig: Rig) {
    let kinds = [
        "shop.order.placed.v1",
        "shop.orders.v1",
        "shop.payment.captured.v1",
        "shop.order.placed.v10",
        "shop.order.cancelled.v1",
        "shop.payment.voided.v1",
    ];
    let types = Types::of(["shop.order.*", "shop.payment.voided.v1"]);
    let mut member = rig.member_for(&rig.bus, "g", types).await;
    // One key, so that what is not wanted must not stop what comes after it; and the last is wanted.
    let events = kinds.map(|kind| Event::new("/suite", kind, json!(null)).keyed("a"));
    rig.publish(&rig.bus, &events).await;
    let wanted = [&events[0], &events[3], &events[4], &events[5]];
    let mut seen = Vec::new();
    while seen
        .last()
        .is_none_or(|last: &Event| last.id() != events[5].id())
    {
        let delivery = member.next().await;
        if !seen.contains(delivery.event()) {
            seen.push(delivery.event().clone());
        }
        let _ = delivery.ack().await;
    }
    assert_eq!(ids(&seen), ids(wanted));
}

pub(crate) async fn a_new_group_begins_now(rig: Rig) {
    let mut old = rig.member(&rig.bus, "old").await;
    let before = event("a", 0);
    rig.publish(&rig.bus, std::slice::from_ref(&before)).await;
    let other = rig.another().await;
    let mut new = rig.member(&other, "new").await;
    let after = event("a", 1);
    rig.publish(&rig.bus, std::slice::from_ref(&after)).await;
    assert_eq!(new.next().await.event(), &after);
    old.until_seen(ids([&before, &after])).await;
}
