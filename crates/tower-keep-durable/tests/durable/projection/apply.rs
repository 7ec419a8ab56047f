use tower_keep_durable::{Db, Event, event_store::Expected};

use super::{POISON, SCHEMAS, add, drain, runner, shown};
use crate::event_store::append;

async fn each_event_is_applied_once_whatever_the_batch(db: Db) {
    let runner = runner::<1>(&db).batch(3);
    drain(&runner).await;
    add(&db, "a", 1..=5).await;
    add(&db, "b", 6..=7).await;
    drain(&runner).await;
    assert_eq!(shown(&db).await, (28, 7));
    add(&db, "a", [2]).await;
    drain(&runner).await;
    drain(&runner).await;
    assert_eq!(shown(&db).await, (30, 8));
}

async fn what_it_does_not_want_is_passed_over(db: Db) {
    let other = Event::new("/test", "test.renamed.v1", "not a number");
    append(&db, "a", Expected::Any, &[other]).await.unwrap();
    let last = add(&db, "a", [1]).await;
    let runner = runner::<1>(&db);
    drain(&runner).await;
    assert_eq!(shown(&db).await, (1, 1));
    assert_eq!(runner.model().position().await.unwrap(), last);
}

async fn two_runners_share_the_work(db: Db) {
    drain(&runner::<1>(&db)).await;
    let runners: Vec<_> = (0..3)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                let runner = runner::<1>(&db).batch(2);
                while shown(&db).await.1 < 40 {
                    runner.pass().await.unwrap();
                }
            })
        })
        .collect();
    add(&db, "a", 1..=40).await;
    for runner in runners {
        runner.await.unwrap();
    }
    drain(&runner::<1>(&db)).await;
    assert_eq!(shown(&db).await, (820, 40));
}

async fn many_who_start_at_once_make_one_view(db: Db) {
    add(&db, "a", [1]).await;
    let starters: Vec<_> = (0..4)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { drain(&runner::<1>(&db)).await })
        })
        .collect();
    for starter in starters {
        starter.await.unwrap();
    }
    assert_eq!(shown(&db).await, (1, 1));
}

async fn it_stands_still_before_what_it_cannot_apply(db: Db) {
    let runner = runner::<1>(&db);
    add(&db, "a", [1, 2]).await;
    let poison = add(&db, "a", [POISON]).await;
    add(&db, "a", [3]).await;
    runner.pass().await.unwrap();
    for _ in 0..2 {
        let error = runner.pass().await.unwrap_err().to_string();
        let at = format!("sums cannot apply test.added.v1 at position {poison}: poison");
        assert!(error.ends_with(&at), "{error}");
        assert_eq!(shown(&db).await, (3, 2), "what is before it was applied");
    }
}

on_both! {
    each_event_is_applied_once_whatever_the_batch
    what_it_does_not_want_is_passed_over
    two_runners_share_the_work
    many_who_start_at_once_make_one_view
    it_stands_still_before_what_it_cannot_apply
}
