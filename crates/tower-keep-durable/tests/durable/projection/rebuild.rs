use tower_keep_durable::Db;

use super::{SCHEMAS, add, drain, generations, runner, shown};

async fn a_raised_version_is_built_beside_the_live_view_and_replaces_it(db: Db) {
    add(&db, "a", 1..=9).await;
    let old = runner::<1>(&db);
    drain(&old).await;
    let new = runner::<2>(&db).batch(4);
    let mut passes = 0;
    loop {
        // The old code goes on as long as its view is shown.
        add(&db, "a", [1]).await;
        old.pass().await.unwrap();
        let before = shown(&db).await;
        assert_eq!(
            before,
            (45 + passes + 1, 9 + passes + 1),
            "readers see all of it"
        );
        let progress = new.pass().await.unwrap();
        passes += 1;
        if progress.replaced {
            break;
        }
        assert_eq!(shown(&db).await, before);
        assert_eq!(generations(&db).await, [1, 2]);
        assert!(passes < 9, "it gets there");
        if passes > 3 {
            drain(&new).await;
            break;
        }
    }
    assert_eq!(shown(&db).await, (2 * (45 + passes), 9 + passes));
    assert_eq!(generations(&db).await, [2]);
    // What was is gone, and the old code has nothing to do.
    assert!(
        sqlx::query("SELECT 1 FROM sums_1")
            .fetch_all(db.pool())
            .await
            .is_err()
    );
    add(&db, "a", [1]).await;
    assert_eq!(old.pass().await.unwrap(), Default::default());
    drain(&new).await;
    assert_eq!(shown(&db).await, (2 * (46 + passes), 10 + passes));
}

async fn a_rebuild_makes_good_what_was_wrong(db: Db) {
    let runner = runner::<1>(&db).batch(2);
    runner.rebuild().await.unwrap();
    add(&db, "a", 1..=5).await;
    drain(&runner).await;
    sqlx::query("DELETE FROM sums_1")
        .execute(db.pool())
        .await
        .unwrap();
    for round in 2..4 {
        runner.rebuild().await.unwrap();
        runner.rebuild().await.unwrap();
        assert_eq!(generations(&db).await, [round - 1, round], "begun once");
        drain(&runner).await;
        assert_eq!(generations(&db).await, [round]);
        assert_eq!(shown(&db).await, (15, 5));
    }
}

/// A runner that read where its generation was, and stood still while another replaced it.
async fn it_never_goes_back_behind_what_was_shown(db: Db) {
    add(&db, "a", 1..=6).await;
    let runner = runner::<1>(&db).batch(2);
    drain(&runner).await;
    runner.rebuild().await.unwrap();
    let before = runner.model().position().await.unwrap();
    for _ in 0..9 {
        add(&db, "a", [1]).await;
        runner.pass().await.unwrap();
        assert!(runner.model().position().await.unwrap() >= before);
        assert!(shown(&db).await.1 >= 6);
    }
    drain(&runner).await;
    assert_eq!(shown(&db).await, (30, 15));
    assert_eq!(generations(&db).await, [2]);
}

on_both! {
    a_raised_version_is_built_beside_the_live_view_and_replaces_it
    a_rebuild_makes_good_what_was_wrong
    it_never_goes_back_behind_what_was_shown
}
