//! Processes that share a SQLite file and are killed at any moment.

use std::{collections::HashSet, env, io::Write, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};
use tower_keep_durable::{
    Bus, Db,
    bus::{
        Types,
        table::{SCHEMA, TableConfig},
    },
    testing::TestDb,
};

use crate::suite::{Features, Rig, event};

const ROLE: &str = "KEEP_TEST_BUS_ROLE";
const URL: &str = "KEEP_TEST_BUS_URL";
const NAME: &str = "killed::sigkill_loses_nothing_that_was_confirmed";

async fn open(url: &str) -> Bus {
    let db = Db::open(url, &[SCHEMA]).await.unwrap();
    let config = TableConfig {
        lease: crate::table::LEASE,
        ..TableConfig::default()
    };
    Bus::table(&db, config).await.unwrap()
}

/// Says so to the parent, in one write that is whole or not there.
fn say(word: &str, id: &str) {
    let line = format!("{word} {id}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// What this program does when the test below has started it again: it goes on until it is killed.
async fn child(role: &str) {
    let bus = open(&env::var(URL).unwrap()).await;
    if role == "publish" {
        for n in 0.. {
            let event = event(&format!("key-{}", n % 5), n);
            bus.publish(std::slice::from_ref(&event)).await.unwrap();
            say("confirmed", event.id());
        }
    }
    let mut member = bus.subscribe("g", &Types::all()).await.unwrap();
    loop {
        let delivery = member.next().await.unwrap();
        let id = delivery.event().id().to_owned();
        say("handled", &id);
        delivery.ack().await.unwrap();
        say("acknowledged", &id);
    }
}

/// Starts a child, kills it once it has said `count` lines, and gives all that it said.
async fn until_killed(role: &str, url: &str, count: usize) -> Vec<(String, String)> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(ROLE, role)
        .env(URL, url)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let (word, id) = line.split_once(' ').unwrap();
        assert!(
            ["confirmed", "handled", "acknowledged"].contains(&word),
            "{line}"
        );
        said.push((word.to_owned(), id.to_owned()));
        if said.len() == count {
            // SIGKILL; what it says until then is still read.
            child.start_kill().unwrap();
        }
    }
    assert!(!child.wait().await.unwrap().success());
    said
}

#[tokio::test]
async fn sigkill_loses_nothing_that_was_confirmed() {
    if let Ok(role) = env::var(ROLE) {
        return child(&role).await;
    }
    let file = TestDb::sqlite(&[SCHEMA]).await;
    let rig = Rig::new(open(file.url()).await, Features::default(), || async {
        unreachable!("the other processes are real ones")
    });
    drop(rig.member(&rig.bus, "g").await);
    let mut said = Vec::new();
    for round in 0..3 {
        said.extend(until_killed("publish", file.url(), 20 + 7 * round).await);
        said.extend(until_killed("consume", file.url(), 11 + 6 * round).await);
    }
    let of = |wanted: &str| -> HashSet<String> {
        let said = said.iter().filter(|(word, _)| word == wanted);
        said.map(|(_, id)| id.clone()).collect()
    };
    let (confirmed, mut seen, acknowledged) = (of("confirmed"), of("handled"), of("acknowledged"));
    assert!(acknowledged.len() >= 15 && confirmed.len() >= 60);

    // The last of each partition says when all was seen.
    let ends: Vec<_> = rig.keys(16).iter().map(|key| event(key, 0)).collect();
    rig.publish(&rig.bus, &ends).await;
    let mut member = rig.member(&rig.bus, "g").await;
    let mut missing: HashSet<_> = ends.iter().map(|end| end.id().to_owned()).collect();
    while !missing.is_empty() {
        let delivery = member.next().await;
        let id = delivery.event().id().to_owned();
        assert!(!acknowledged.contains(&id), "{id} came again after its ack");
        missing.remove(&id);
        seen.insert(id);
        delivery.ack().await.unwrap();
    }
    let lost: Vec<_> = confirmed.difference(&seen).collect();
    assert!(lost.is_empty(), "confirmed and never delivered: {lost:?}");
}
