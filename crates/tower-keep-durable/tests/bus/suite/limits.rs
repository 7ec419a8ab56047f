use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use futures_util::future::join_all;
use serde_json::json;
use tower_keep_durable::{Event, bus::BusError};

use super::rig::{Rig, event, ids};

/// A thousand in batches, while two members work.
pub(crate) async fn many_events_arrive(rig: Rig) {
    let other = rig.another().await;
    let members = [
        rig.member(&rig.bus, "g").await,
        rig.member(&other, "g").await,
    ];
    let events: Vec<_> = (0..1000)
        .map(|n| event(&format!("key-{}", n % 100), n))
        .collect();
    let missing: Arc<Mutex<HashSet<_>>> = Arc::new(Mutex::new(ids(&events).into_iter().collect()));
    let publish = async {
        for batch in events.chunks(100) {
            rig.publish(&rig.bus, batch).await;
        }
    };
    let work = members.into_iter().map(|mut member| {
        let missing = missing.clone();
        async move {
            while !missing.lock().unwrap().is_empty() {
                let look =
                    tokio::time::timeout(std::time::Duration::from_millis(100), member.wait());
                let Ok(delivery) = look.await else { continue };
                missing.lock().unwrap().remove(delivery.event().id());
                let _ = delivery.ack().await;
            }
        }
    });
    let all = async { tokio::join!(publish, join_all(work)) };
    // Twice the patience of a single wait: these are a thousand.
    tokio::time::timeout(rig.features.patience * 2, all)
        .await
        .unwrap_or_else(|_| panic!("{} never came", missing.lock().unwrap().len()));
}

pub(crate) async fn what_is_too_large_is_refused(rig: Rig) {
    let mut member = rig.member(&rig.bus, "g").await;
    let text = "x".repeat(rig.features.too_large);
    let large = Event::new("/suite", "suite.much.told.v1", json!(text)).keyed("a");
    match rig.bus.publish(std::slice::from_ref(&large)).await {
        Err(BusError::Refused { id, reason }) => {
            assert_eq!(id, large.id());
            assert!(!reason.is_empty());
        }
        other => panic!("{other:?}"),
    }
    let small = event("a", 1);
    rig.publish(&rig.bus, std::slice::from_ref(&small)).await;
    assert_eq!(member.next().await.event(), &small);
}

/// A reader could not read it, and it would stay in the way of what comes after.
pub(crate) async fn what_is_no_cloud_event_is_refused(rig: Rig) {
    let mut member = rig.member(&rig.bus, "g").await;
    let good = event("a", 1);
    let bad = event("a", 2).about("two\nlines");
    match rig.bus.publish(&[good.clone(), bad.clone()]).await {
        Err(BusError::Refused { id, reason }) => {
            assert_eq!(id, bad.id());
            assert_eq!(reason, "subject: must not contain U+000A");
        }
        other => panic!("{other:?}"),
    }
    rig.publish(&rig.bus, std::slice::from_ref(&good)).await;
    assert_eq!(member.next().await.event(), &good);
}

/// `next` is dropped after each of its first steps, again and again.
pub(crate) async fn a_cancelled_next_loses_nothing(rig: Rig) {
    let mut member = rig.member(&rig.bus, "g").await;
    let events: Vec<_> = (0..50).map(|n| event("a", n)).collect();
    rig.publish(&rig.bus, &events).await;
    let mut seen = Vec::new();
    for round in 0.. {
        // At first nearly no time at all, and then more and more.
        let steps = round % 40;
        let cancelled = async {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
        };
        let delivery = tokio::select! {
            biased;
            delivery = member.next() => delivery,
            () = cancelled, if seen.len() < 40 => continue,
        };
        seen.push(delivery.event().clone());
        delivery.ack().await.unwrap();
        if seen.len() == events.len() {
            break;
        }
    }
    assert_eq!(ids(&seen), ids(&events), "each once and in order");
}
