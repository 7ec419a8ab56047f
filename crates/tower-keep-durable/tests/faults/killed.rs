//! Processes that are killed or paused while they work, whatever they are at. What they leave is found
//! by the next one, which has nothing but the database and the bus.

use std::{env, process::Stdio, time::Duration};

use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};
use tower_keep_durable::{
    Bus, Db,
    bus::table::{self, TableConfig},
    testing::on_postgres,
};

use crate::shop::{LEASE, SCHEMAS, Shop};

const URL: &str = "KEEP_TEST_FAULTS_DB";
const BUS: &str = "KEEP_TEST_FAULTS_BUS";
const PLAN: &str = "place-order/v1";

/// The bus of this name on NATS, or the one in the database.
async fn bus(name: &str, db: &Db) -> Bus {
    #[cfg(feature = "nats")]
    if name != "tables" {
        use tower_keep_durable::bus::nats::{Nats, NatsConfig};
        return Bus::new(Nats::new(NatsConfig {
            lease: LEASE,
            ..NatsConfig::new(NATS, name)
        }));
    }
    assert_eq!(name, "tables");
    let config = TableConfig {
        lease: LEASE,
        ..TableConfig::default()
    };
    Bus::table(db, config).await.unwrap()
}

/// What this program does when a test has started it again: it works until it is killed.
async fn child(url: &str) -> ! {
    let db = Db::open(url, &SCHEMAS).await.unwrap();
    let bus = bus(&env::var(BUS).unwrap(), &db).await;
    let mut shop = Shop::start(db, bus).await;
    shop.work(PLAN);
    while shop.running.join_next().await.is_some() {}
    panic!("all that runs has ended");
}

/// Starts a child that works on this database.
async fn spawn(test: &str, db: &Db, bus: &str) -> Child {
    let (name,): (String,) = sqlx::query_as("SELECT CAST(current_database() AS TEXT)")
        .fetch_one(db.pool())
        .await
        .unwrap();
    let server = env::var("KEEP_TEST_POSTGRES").unwrap_or_else(|_| "127.0.0.1:5432".to_owned());
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(URL, format!("postgres://postgres@{server}/{name}"))
        .env(BUS, bus)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Waits until a number is reached, which says that work has come so far.
async fn until(db: &Db, sql: &'static str, number: i64) {
    let began = Instant::now();
    loop {
        let (now,): (i64,) = sqlx::query_as(sql).fetch_one(db.pool()).await.unwrap();
        if now >= number {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "{now} of {number}: {sql}"
        );
        sleep(Duration::from_millis(1)).await;
    }
}

const LOGGED: &str = "SELECT COUNT(*) FROM keep_saga_log";
const HANDLED: &str = "SELECT COUNT(*) FROM handled";

#[cfg(feature = "nats")]
const NATS: &str = "127.0.0.1:4222";

/// A sample of the moments at which a process can be killed: while sagas are worked on, while events
/// are told, while they are handled.
#[cfg(feature = "nats")]
#[tokio::test]
async fn sigkill_at_any_moment_loses_nothing_on_postgres_and_nats() {
    const NAME: &str = "killed::sigkill_at_any_moment_loses_nothing_on_postgres_and_nats";
    const EACH: i64 = 4;
    if let Ok(url) = env::var(URL) {
        child(&url).await;
    }
    if !tower_keep_durable::testing::server_answers("NATS", NATS, "KEEP_REQUIRE_NATS").await {
        return;
    }
    on_postgres(&SCHEMAS, |db| async move {
        let name = format!("keep-test-{}", uuid::Uuid::now_v7().simple());
        let mut shop = Shop::idle(db.clone(), bus(&name, &db).await).await;
        let (mut logged, mut handled) = (0, 0);
        // Of each round's orders, so many lines of their logs or so many that are handled.
        let moments = [(3, 0), (7, 0), (11, 0), (15, 0), (0, 1), (0, 3)];
        for (lines, notes) in moments {
            for _ in 0..EACH {
                shop.order(PLAN).await;
            }
            let mut works = spawn(NAME, &db, &name).await;
            // Each starts with a line, and has one for each of its three steps.
            until(&db, LOGGED, logged + EACH + lines).await;
            until(&db, HANDLED, handled + notes).await;
            works.kill().await.unwrap();
            (logged,) = sqlx::query_as(LOGGED).fetch_one(db.pool()).await.unwrap();
            (handled,) = sqlx::query_as(HANDLED).fetch_one(db.pool()).await.unwrap();
        }
        let _works = spawn(NAME, &db, &name).await;
        shop.settle().await;
        let client = async_nats::connect(NATS).await.unwrap();
        let _ = async_nats::jetstream::new(client).delete_stream(name).await;
    })
    .await;
}

fn signal(child: &Child, signal: &str) {
    let id = child.id().expect("it runs").to_string();
    let sent = std::process::Command::new("kill")
        .args([signal, &id])
        .status();
    assert!(sent.unwrap().success());
}

/// Two processes share the work, and one is paused for longer than all of its leases.
#[tokio::test]
async fn a_process_that_was_paused_for_longer_than_its_leases_does_nothing_twice() {
    const NAME: &str =
        "killed::a_process_that_was_paused_for_longer_than_its_leases_does_nothing_twice";
    const EACH: i64 = 6;
    if let Ok(url) = env::var(URL) {
        child(&url).await;
    }
    on_postgres(&SCHEMAS, |db| async move {
        db.migrate(&[table::SCHEMA]).await.unwrap();
        let mut shop = Shop::idle(db.clone(), bus("tables", &db).await).await;
        let paused = spawn(NAME, &db, "tables").await;
        for round in 0..3 {
            for _ in 0..EACH {
                shop.order(PLAN).await;
            }
            // It is at work, the more of it the later the round.
            until(&db, LOGGED, round * EACH * 4 + EACH + 1 + 5 * round).await;
            signal(&paused, "-STOP");
            let other = spawn(NAME, &db, "tables").await;
            sleep(LEASE * 2).await;
            signal(&paused, "-CONT");
            // Both go on, until what this round ordered is handled.
            until(&db, HANDLED, (round + 1) * EACH).await;
            drop(other);
        }
        shop.settle().await;
    })
    .await;
}
