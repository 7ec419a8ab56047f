use tower_keep_durable::bus::BusError;

use super::rig::{Rig, event, ids};

/// The subscription is gone and the delivery was never ended: what a panic, a task that was cut off
/// or a process that was killed leaves behind.
pub(crate) async fn a_dead_member_is_taken_over(rig: Rig) {
    let mut dies = rig.member(&rig.bus, "g").await;
    let events = [0, 1].map(|n| event("a", n));
    rig.publish(&rig.bus, &events).await;
    std::mem::forget(dies.find(&events[0]).await);
    drop(dies);
    let other = rig.another().await;
    let mut heir = rig.member(&other, "g").await;
    assert_eq!(ids(&heir.until_seen(ids(&events)).await), ids(&events));
}

/// Its process lives and holds on to everything, but its handler says nothing any more.
pub(crate) async fn a_stuck_member_is_taken_over(rig: Rig) {
    let mut stuck = rig.member(&rig.bus, "g").await;
    let events = [0, 1].map(|n| event("a", n));
    rig.publish(&rig.bus, &events).await;
    let _held = stuck.find(&events[0]).await;
    let other = rig.another().await;
    let mut heir = rig.member(&other, "g").await;
    assert_eq!(ids(&heir.until_seen(ids(&events)).await), ids(&events));
}

pub(crate) async fn slow_work_with_progress_is_left_alone(rig: Rig) {
    let mut slow = rig.member(&rig.bus, "g").await;
    let events = [0, 1].map(|n| event("a", n));
    rig.publish(&rig.bus, &events).await;
    let mut delivery = slow.next().await;
    let other = rig.another().await;
    let mut idle = rig.member(&other, "g").await;
    if !rig.features.steady {
        // Its partition was moved when the other joined. That is told, and it comes again.
        assert!(matches!(
            delivery.progress().await,
            Err(BusError::TakenOver)
        ));
        let again = tokio::select! {
            again = slow.next() => again,
            again = idle.next() => again,
        };
        assert_eq!(again.event(), &events[0]);
        return;
    }
    let work = async {
        for _ in 0..12 {
            tokio::time::sleep(rig.features.lease / 4).await;
            delivery.progress().await.unwrap();
        }
        assert_eq!(delivery.event(), &events[0]);
        delivery.ack().await.unwrap();
        drop(slow);
    };
    // The other one waits all the while, and gets what comes after.
    let (_, next) = tokio::join!(work, idle.wait());
    assert_eq!(next.event(), &events[1]);
    if rig.features.asked {
        assert_eq!(next.attempt(), 1);
    }
}

pub(crate) async fn a_stale_ack_changes_nothing(rig: Rig) {
    let mut stale = rig.member(&rig.bus, "g").await;
    let keys = rig.keys(2);
    let [first, second, other] = [(0, 0), (0, 1), (1, 2)].map(|(key, n)| event(&keys[key], n));
    rig.publish(&rig.bus, &[first.clone(), second.clone()])
        .await;
    let mut held = stale.next().await;
    let another = rig.another().await;
    let mut heir = rig.member(&another, "g").await;
    let taken = heir.next().await;
    assert_eq!(taken.event(), &first);
    if rig.features.counts {
        assert_eq!(taken.attempt(), 2);
    }
    if rig.features.fenced {
        assert!(matches!(held.progress().await, Err(BusError::TakenOver)));
        assert!(matches!(held.ack().await, Err(BusError::TakenOver)));
    } else {
        let _ = held.ack().await;
    }
    // The partition still waits for the heir: another one is served, this one is not.
    rig.publish(&rig.bus, std::slice::from_ref(&other)).await;
    let served = heir.next().await;
    assert_eq!(served.event(), &other);
    served.ack().await.unwrap();
    taken.ack().await.unwrap();
    // Either may be the one that gets the rest.
    let next = tokio::select! {
        next = heir.next() => next,
        next = stale.wait() => next,
    };
    assert_eq!(next.event(), &second);
}
