//! A pass that is dropped at each point where it can be.

use tower_keep_durable::Db;

use super::{SCHEMAS, add, cut_off, drain, expected, generations, runner, seen, shown};

/// What is shown is what the checkpoint says.
async fn check(db: &Db) {
    let (position, shown) = seen(db).await;
    assert_eq!(shown, expected(db, position).await);
}

/// How often a pass has to wait depends on how fast the database is: each place several times.
async fn a_dropped_pass_was_made_or_not(db: Db) {
    drain(&runner::<1>(&db)).await;
    let (mut cuts, mut events) = (0, 0);
    for pendings in 0..40 {
        add(&db, "a", events + 1..=events + 3).await;
        events += 3;
        let whole = cut_off(runner::<1>(&db).pass(), pendings / 3).await;
        cuts += i32::from(whole.is_none());
        check(&db).await;
        drain(&runner::<1>(&db)).await;
        check(&db).await;
        assert_eq!(shown(&db).await.1, events);
    }
    assert!(cuts >= 6, "it was cut off {cuts} times only");
}

async fn a_dropped_rebuild_goes_on(db: Db) {
    add(&db, "a", 1..=4).await;
    let runner = runner::<1>(&db).batch(3);
    drain(&runner).await;
    let mut cuts = 0;
    for pendings in 0..40 {
        let whole = cut_off(
            async {
                runner.rebuild().await.unwrap();
                drain(&runner).await;
            },
            pendings,
        );
        cuts += i32::from(whole.await.is_none());
        assert_eq!(shown(&db).await, (10, 4));
        drain(&runner).await;
        assert_eq!(shown(&db).await, (10, 4));
    }
    // What was cut off last may have begun one more.
    runner.rebuild().await.unwrap();
    drain(&runner).await;
    assert_eq!(generations(&db).await.len(), 1);
    assert!(cuts >= 10, "it was cut off {cuts} times only");
}

on_both! {
    a_dropped_pass_was_made_or_not
    a_dropped_rebuild_goes_on
}
