use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use futures_util::future::join_all;
use tokio::time::timeout;
use tower_keep_durable::bus::partition_of;

use super::rig::{Rig, event, ids};

const KEYS: usize = 8;
const EACH: usize = 15;

/// Several publish at once, each the events of its own key, from two processes.
pub(crate) async fn a_key_stays_in_order_whoever_publishes(rig: Rig) {
    let mut member = rig.member(&rig.bus, "g").await;
    let buses = [rig.bus.clone(), rig.another().await];
    let told: Vec<Vec<_>> = (0..KEYS)
        .map(|key| (0..EACH).map(|n| event(&format!("key-{key}"), n)).collect())
        .collect();
    let publishers = told.iter().enumerate().map(|(at, events)| {
        let (bus, rig) = (&buses[at % 2], &rig);
        async move {
            // Pairs, so that the order within a publish counts as well.
            for pair in events.chunks(2) {
                rig.publish(bus, pair).await;
            }
        }
    });
    let all: Vec<_> = told.iter().flat_map(ids).collect();
    let (_, seen) = tokio::join!(join_all(publishers), member.until_seen(all));
    let mut by_key: HashMap<_, Vec<_>> = HashMap::new();
    for event in seen {
        by_key
            .entry(event.key().unwrap().to_owned())
            .or_default()
            .push(event);
    }
    for (key, told) in told.iter().enumerate() {
        assert_eq!(ids(&by_key[&format!("key-{key}")]), ids(told));
    }
}

pub(crate) async fn one_of_a_partition_is_out_at_a_time(rig: Rig) {
    let mut member = rig.member(&rig.bus, "g").await;
    let keys = rig.keys(8);
    let events: Vec<_> = [0, 0, 1, 1, 2]
        .map(|key| &keys[key])
        .into_iter()
        .zip(0..)
        .collect();
    let events: Vec<_> = events.into_iter().map(|(key, n)| event(key, n)).collect();
    rig.publish(&rig.bus, &events).await;
    // The first of each key, all three out at once; the second of two keys wait.
    let mut out = Vec::new();
    for _ in 0..3 {
        out.push(member.next().await);
    }
    let mut first = ids(out.iter().map(|delivery| delivery.event()));
    first.sort();
    assert_eq!(first, ids([&events[0], &events[2], &events[4]]));
    // Each time the bus has the choice between what it must give and what it must hold back.
    for key in &keys[3..] {
        let other = event(key, 0);
        rig.publish(&rig.bus, std::slice::from_ref(&other)).await;
        let delivery = member.next().await;
        assert_eq!(delivery.event(), &other);
        delivery.ack().await.unwrap();
    }
    for delivery in out {
        delivery.ack().await.unwrap();
    }
    member.until_seen(ids([&events[1], &events[3]])).await;
}

pub(crate) async fn members_share_and_never_work_on_one_partition_at_once(rig: Rig) {
    const MEMBERS: usize = 3;
    let buses = [rig.bus.clone(), rig.another().await];
    let mut members = Vec::new();
    for n in 0..MEMBERS {
        members.push(rig.member(&buses[n % 2], "g").await);
    }
    let events: Vec<_> = (0..120)
        .map(|n| event(&format!("key-{}", n % 40), n))
        .collect();
    rig.publish(&rig.bus, &events).await;
    let missing: Arc<Mutex<HashSet<_>>> = Arc::new(Mutex::new(ids(&events).into_iter().collect()));
    let busy = Arc::new(Mutex::new(HashSet::new()));
    let barrier = Arc::new(tokio::sync::Barrier::new(MEMBERS));
    let partitions = rig.features.partitions;
    let shares = rig.features.shares;
    let lease = rig.features.lease;
    let work = members.into_iter().map(|mut member| {
        let (missing, busy, barrier) = (missing.clone(), busy.clone(), barrier.clone());
        async move {
            let mut waits = shares;
            while !missing.lock().unwrap().is_empty() {
                // Bounded: what the others hold may be the last there is.
                let look = timeout(std::time::Duration::from_millis(100), member.wait());
                let Ok(mut delivery) = look.await else {
                    continue;
                };
                let partition = partition_of(delivery.event(), partitions);
                assert!(
                    busy.lock().unwrap().insert(partition),
                    "two work on partition {partition}"
                );
                if std::mem::take(&mut waits) {
                    // Passes only once each has something at the same time.
                    let mut all = std::pin::pin!(barrier.wait());
                    while timeout(lease / 4, all.as_mut()).await.is_err() {
                        let _ = delivery.progress().await;
                    }
                }
                tokio::task::yield_now().await;
                missing.lock().unwrap().remove(delivery.event().id());
                busy.lock().unwrap().remove(&partition);
                let _ = delivery.ack().await;
            }
        }
    });
    timeout(rig.features.patience, join_all(work))
        .await
        .expect("each gets a share, and all is done");
}
