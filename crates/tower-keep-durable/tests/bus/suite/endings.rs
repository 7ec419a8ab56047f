use std::time::Duration;

use tokio::time::Instant;

use super::rig::{Rig, event, ids};

pub(crate) async fn an_ack_moves_on(rig: Rig) {
    let mut member = rig.member(&rig.bus, "g").await;
    let events = [0, 1, 2].map(|n| event("a", n));
    rig.publish(&rig.bus, &events).await;
    for event in &events {
        let delivery = member.next().await;
        assert_eq!((delivery.event(), delivery.attempt()), (event, 1));
        delivery.ack().await.unwrap();
    }
    // What is acknowledged does not come again, to nobody.
    drop(member);
    let other = rig.another().await;
    let mut member = rig.member(&other, "g").await;
    let last = event("a", 3);
    rig.publish(&other, std::slice::from_ref(&last)).await;
    assert_eq!(member.next().await.event(), &last);
}

pub(crate) async fn a_nack_holds_its_partition_and_no_other(rig: Rig) {
    let delay = rig.features.lease / 4;
    let mut member = rig.member(&rig.bus, "g").await;
    let keys = rig.keys(2);
    let [first, second, other] = [(0, 0), (0, 1), (1, 2)].map(|(key, n)| event(&keys[key], n));
    rig.publish(&rig.bus, &[first.clone(), second.clone()])
        .await;
    let delivery = member.next().await;
    assert_eq!((delivery.event(), delivery.attempt()), (&first, 1));
    let nacked = Instant::now();
    delivery.nack(delay).await.unwrap();
    rig.publish(&rig.bus, std::slice::from_ref(&other)).await;
    let delivery = member.next().await;
    assert_eq!(delivery.event(), &other, "the other partition goes on");
    delivery.ack().await.unwrap();
    let again = member.next().await;
    assert_eq!(
        again.event(),
        &first,
        "what was refused comes before what is behind it"
    );
    // A millisecond less: a broker counts in those.
    assert!(
        nacked.elapsed() + Duration::from_millis(1) >= delay,
        "too early"
    );
    if rig.features.counts {
        assert_eq!(again.attempt(), 2);
    }
    again.ack().await.unwrap();
    let delivery = member.next().await;
    assert_eq!((delivery.event(), delivery.attempt()), (&second, 1));
}

pub(crate) async fn a_dropped_delivery_comes_again(rig: Rig) {
    let mut member = rig.member(&rig.bus, "g").await;
    let events = [0, 1].map(|n| event("a", n));
    rig.publish(&rig.bus, &events).await;
    drop(member.find(&events[0]).await);
    let again = member.find(&events[0]).await;
    if rig.features.counts {
        assert!(again.attempt() >= 2, "attempt {}", again.attempt());
    }
    let _ = again.ack().await;
    member.until_seen(ids([&events[1]])).await;
}
