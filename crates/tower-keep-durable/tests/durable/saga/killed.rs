//! A process is killed at each of its places, for real, and the next one finds all as it must be.

use std::{env, os::unix::process::ExitStatusExt, path::Path, process::Command, time::Duration};

use tower_keep_durable::{
    Clock, Db,
    db::file_url,
    saga::{Fault, Passed, Script, Status, StepName, Verb},
};

use super::{
    harness::{SCHEMAS, Shop},
    toy::{self, Step},
};

const FOLDER: &str = "KEEP_TEST_KILLED";

/// A shop in this folder, which it shares with whoever died there.
async fn shop(folder: &Path, clock: Clock) -> Shop {
    let open = async |name: &str, schemas: &[_]| {
        let url = file_url(&folder.join(name));
        Db::open(&url, schemas).await.unwrap()
    };
    let db = open("shop.db", &SCHEMAS).await;
    let books = open("books.db", &[toy::BOOKS]).await;
    Shop::over(db, books, clock, toy::plan)
}

/// What the process does that dies: one order is completed, and one cannot be confirmed.
async fn live(folder: &Path) {
    let shop = shop(folder, Clock::system()).await;
    refuse(&shop);
    while shop.worker.pass().await.unwrap() != Passed::Idle {}
}

fn refuse(shop: &Shop) {
    let no = Script::always(Fault::Reject);
    shop.faults
        .inject_in("o2", Step::ConfirmOrder.name(), Verb::Run, no);
}

#[tokio::test]
async fn a_process_that_is_killed_at_any_place_leaves_nothing_half_done() {
    if let Some(folder) = env::var_os(FOLDER) {
        return live(Path::new(&folder)).await;
    }
    let mut deaths = 0;
    for point in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual();
        let mut shop = shop(folder.path(), clock.clone()).await;
        shop.stock().await;
        for _ in 0..2 {
            shop.order().await;
        }
        let ended = Command::new(env::current_exe().unwrap())
            .args(["saga::killed", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .env("KEEP_CRASH_AT", point.to_string())
            .output()
            .unwrap();
        if ended.status.success() {
            assert_eq!(shop.status("o1").await, Status::Completed);
            assert_eq!(shop.status("o2").await, Status::Compensated);
            break;
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.signal(), Some(9), "point {point}: {said}");
        deaths += 1;
        clock.advance(Duration::from_secs(31));
        refuse(&shop);
        shop.settle().await;
        assert_eq!(shop.status("o1").await, Status::Completed, "point {point}");
        assert_eq!(
            shop.status("o2").await,
            Status::Compensated,
            "point {point}"
        );
    }
    // Around each commit: of two databases that are opened, two claims, 7 steps of one order and 4 and 3
    // of the other, and of their participants 4 and 2 and 2.
    assert_eq!(deaths, 2 * (2 + 2 + (7 + 4 + 3) + (4 + 2 + 2)));
}
