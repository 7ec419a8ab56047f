use std::time::Duration;

use tokio::sync::oneshot;
use tower_keep_durable::{
    Clock, Db,
    projection::{Lag, ReadModel},
};

use super::{SCHEMAS, add, drain, runner, shown};

const MINUTE: Duration = Duration::from_secs(60);

async fn the_lag_is_told_in_events_and_in_time(db: Db) {
    let clock = Clock::manual();
    let db = db.with_clock(clock.clone());
    let runner = runner::<1>(&db);
    let model = runner.model();
    let none = Lag {
        events: 0,
        time: Duration::ZERO,
    };
    drain(&runner).await;
    assert_eq!(model.lag().await.unwrap(), none);
    add(&db, "a", [1]).await;
    clock.advance(MINUTE);
    add(&db, "a", [2, 3]).await;
    clock.advance(MINUTE);
    let lag = model.lag().await.unwrap();
    assert_eq!((lag.events, lag.time), (3, 2 * MINUTE));
    drain(&runner).await;
    assert_eq!(model.lag().await.unwrap(), none);
}

async fn who_has_written_reads_it(db: Db) {
    let runner = runner::<1>(&db).poll(MINUTE);
    let model = runner.model();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        runner.run(async { drop(stopped.await) }).await;
    });
    for n in 1..=5 {
        let position = add(&db, "a", [1]).await;
        // It polls once a minute: the wait wakes it.
        assert!(model.wait_for(position, MINUTE).await.unwrap());
        assert_eq!(shown(&db).await, (n, n));
    }
    stop.send(()).unwrap();
    running.await.unwrap();
}

async fn who_waits_for_another_process_looks_for_himself(db: Db) {
    drain(&runner::<1>(&db)).await;
    let position = add(&db, "a", [1]).await;
    let elsewhere = ReadModel::new(&db, "sums");
    assert!(!elsewhere.wait_for(position, Duration::ZERO).await.unwrap());
    let waiting = tokio::spawn(async move { elsewhere.wait_for(position, MINUTE).await.unwrap() });
    drain(&runner::<1>(&db)).await;
    assert!(waiting.await.unwrap());
    let none = ReadModel::new(&db, "no such view");
    assert!(!none.wait_for(1, Duration::ZERO).await.unwrap());
}

on_both! {
    the_lag_is_told_in_events_and_in_time
    who_has_written_reads_it
    who_waits_for_another_process_looks_for_himself
}
