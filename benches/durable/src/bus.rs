//! What a bus does.

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use serde_json::json;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep},
};
use tower_keep_durable::{
    Bus, Event,
    bus::{BusError, Types},
};

use crate::{
    Failed, Subject,
    plan::{Plan, print},
};

const BATCH: usize = 50;

pub(crate) async fn measure(subject: &Subject, plan: Plan) -> Result<(), Failed> {
    let bus = &subject.bus;
    for (what, publishers, batch) in [
        ("published one by one", 1, 1),
        ("published one by one, 16 at a time", 16, 1),
        ("published in batches of 50", 1, BATCH),
    ] {
        let began = Instant::now();
        let each = (0..publishers).map(|publisher| publish(bus, began, plan, publisher, batch));
        let counts = try_join_all(each).await?;
        print(what, counts.iter().sum(), began.elapsed());
    }
    for (what, group, at_once) in [
        ("consumed, one at a time", "one", 1),
        ("consumed, 16 at a time", "many", 16),
    ] {
        consume(bus, plan, what, group, at_once).await?;
    }
    latency(subject, plan).await
}

fn event(n: usize) -> Event {
    let data = json!({"order": n, "lines": [{"product": "tea", "count": 2}], "total": 4200});
    Event::new("/bench", "bench.order.placed.v1", data).keyed(format!("order-{}", n % 1000))
}

async fn publish(
    bus: &Bus,
    began: Instant,
    plan: Plan,
    publisher: usize,
    batch: usize,
) -> Result<usize, BusError> {
    let mut count = 0;
    while began.elapsed() < plan.time {
        let events: Vec<_> = (0..batch)
            .map(|n| event(publisher + 16 * (count + n)))
            .collect();
        bus.publish(&events).await?;
        count += batch;
    }
    Ok(count)
}

/// How fast what waits is delivered and acknowledged, by a handler that does nothing.
async fn consume(
    bus: &Bus,
    plan: Plan,
    what: &str,
    group: &str,
    at_once: usize,
) -> Result<(), Failed> {
    let mut member = bus.subscribe(group, &Types::all()).await?;
    let events: Vec<_> = (0..plan.events).map(event).collect();
    for batch in events.chunks(BATCH) {
        bus.publish(batch).await?;
    }
    let began = Instant::now();
    let room = Arc::new(Semaphore::new(at_once));
    let mut handlers = JoinSet::new();
    for _ in 0..plan.events {
        let place = Arc::clone(&room).acquire_owned().await?;
        let delivery = member.next().await?;
        handlers.spawn(async move {
            let done = delivery.ack().await;
            drop(place);
            done
        });
        while let Some(done) = handlers.try_join_next() {
            done??;
        }
    }
    while let Some(done) = handlers.join_next().await {
        done??;
    }
    print(what, plan.events, began.elapsed());
    Ok(())
}

/// How long an event is on its way from one process to another, at leisure.
async fn latency(subject: &Subject, plan: Plan) -> Result<(), Failed> {
    let mut member = subject.other.subscribe("timed", &Types::all()).await?;
    let mut times = Vec::new();
    for n in 0..plan.timed {
        let began = Instant::now();
        subject.bus.publish(&[event(n)]).await?;
        let delivery = member.next().await?;
        times.push(began.elapsed());
        delivery.ack().await?;
        sleep(Duration::from_millis(1)).await;
    }
    times.sort();
    for (name, part) in [("half", 50), ("99 of 100", 99)] {
        let time = times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
        println!("  from publish to delivery elsewhere, {name:<17}{time:>12.2} ms");
    }
    Ok(())
}
