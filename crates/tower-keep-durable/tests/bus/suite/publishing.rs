use tower_keep_durable::{Event, bus::Types};

use super::rig::{Rig, event, ids};

pub(crate) async fn what_is_published_is_delivered(rig: Rig) {
    let mut member = rig.member(&rig.bus, "g").await;
    rig.bus.ping().await.unwrap();
    let told = event("a", 1);
    rig.publish(&rig.bus, std::slice::from_ref(&told)).await;
    assert_eq!(member.find(&told).await.event(), &told);
}

/// All of it, whichever way it travelled, and as the first delivery.
pub(crate) async fn an_event_arrives_as_it_was_sent(rig: Rig) {
    let mut member = rig.member(&rig.bus, "g").await;
    let cause = event("Zürich/7 \"%\"", 1);
    let told = Event::new("/suite", "suite.text.told.v1", "plain text, not an object")
        .about("übung, \"quoted\"; 100%")
        .caused_by(&cause)
        .with(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        );
    let without_key = Event::new("/suite", "suite.nothing.told.v1", ());
    for event in [cause, told, without_key] {
        rig.bus.publish(std::slice::from_ref(&event)).await.unwrap();
        let delivery = member.next().await;
        assert_eq!(delivery.event(), &event);
        assert_eq!(delivery.attempt(), 1);
        delivery.ack().await.unwrap();
    }
}

pub(crate) async fn what_is_published_while_nobody_listens_waits(rig: Rig) {
    drop(rig.member(&rig.bus, "g").await);
    let events: Vec<_> = (0..20).map(|n| event(&format!("key-{n}"), n)).collect();
    rig.publish(&rig.bus, &events).await;
    let other = rig.another().await;
    let mut member = rig.member(&other, "g").await;
    member.until_seen(ids(&events)).await;
}

#[allow(dead_code, reason = "for the backends that are durable")]
pub(crate) async fn what_is_published_outlives_every_process(mut rig: Rig) {
    drop(rig.member(&rig.bus, "g").await);
    let events: Vec<_> = (0..20).map(|n| event(&format!("key-{n}"), n)).collect();
    rig.publish(&rig.bus, &events).await;
    // Not at the end of the row: the last handle of the first process goes before the next comes.
    rig.bus = tower_keep_durable::Bus::memory();
    let next_process = rig.another().await;
    let mut member = rig.member(&next_process, "g").await;
    member.until_seen(ids(&events)).await;
}

/// Published twice, as a relay does that was killed before it could note the first time: the second
/// is delivered in its place or not at all.
pub(crate) async fn published_twice_is_delivered_in_place(rig: Rig) {
    let mut member = rig.member(&rig.bus, "g").await;
    let [one, two, three] = [1, 2, 3].map(|n| event("a", n));
    rig.publish(&rig.bus, &[one.clone(), two.clone()]).await;
    rig.publish(&rig.bus, &[one.clone(), two.clone(), three.clone()])
        .await;
    let mut seen = Vec::new();
    while seen.last() != Some(&three) {
        let delivery = member.next().await;
        seen.push(delivery.event().clone());
        delivery.ack().await.unwrap();
    }
    let first = [one.clone(), two.clone(), three.clone()];
    let twice = [one.clone(), two.clone(), one, two, three];
    assert!(seen == first || seen == twice, "{seen:?}");
}

pub(crate) async fn nothing_to_publish_is_fine(rig: Rig) {
    let mut member = rig.member_for(&rig.bus, "g", Types::all()).await;
    rig.bus.publish(&[]).await.unwrap();
    let told = event("a", 1);
    rig.publish(&rig.bus, std::slice::from_ref(&told)).await;
    assert_eq!(member.next().await.event(), &told);
}
