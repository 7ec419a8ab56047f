//! A service is killed at its n-th place, for every n that there is, and started again: the story ends
//! as if nothing had happened.
//!
//! A run of the tests takes some places of each service; `SHOP_SWEEP=all` takes all of them, and
//! `SHOP_SWEEP=all-servers` the same on PostgreSQL and NATS.

use std::env;

use crate::{
    backend::{Backend, on_servers},
    fleet::{Fleet, Setup},
    story,
};

/// The places of the shop's own code, and those of the engine.
const PLACES: &str = "SHOP_CRASH_AT";
const ENGINE: &str = "KEEP_CRASH_AT";

/// Plays the story with one death; false if there are not so many places, and nobody died. A sweep says
/// how far it is.
async fn dies(
    backend: Option<Backend>,
    service: &'static str,
    variable: &'static str,
    at: usize,
) -> bool {
    let setup = Setup {
        backend,
        armed: Some((service, variable, at.to_string())),
        ..Setup::default()
    };
    let mut fleet = Fleet::start(setup).await;
    let played = story::play(&mut fleet).await;
    let place = format!("{service}, {variable}={at}");
    let said = fleet.said(service);
    if let Err(wrong) = played {
        panic!("{place}: {wrong}\n{said}");
    }
    // The engine aborts, which is as sudden: nothing is unwound, flushed or told.
    let signal = if variable == ENGINE { 6 } else { 9 };
    let deaths = fleet.deaths.clone();
    let line = if variable == ENGINE {
        "crash point"
    } else {
        "killed at place"
    };
    let is_dead = said.contains(&format!("{line} {at}: "));
    if env::var_os("SHOP_SWEEP").is_some() {
        let at = said.lines().find(|said| said.starts_with(line));
        eprintln!("{service}: {}", at.unwrap_or("no such place"));
    }
    match is_dead {
        true => assert_eq!(deaths, [(service.to_owned(), signal)], "{place}"),
        false => assert_eq!(deaths, [], "{place}"),
    }
    is_dead
}

/// All places of a service if all are asked for, or these.
async fn sweep(service: &'static str, variable: &'static str, some: &[usize]) {
    let asked = env::var("SHOP_SWEEP").unwrap_or_default();
    let dies_on = async |at| match &*asked {
        "all-servers" => {
            let death = on_servers(|backend| dies(Some(backend), service, variable, at));
            death.await.expect("the servers that were asked for")
        }
        _ => dies(None, service, variable, at).await,
    };
    if asked.is_empty() {
        for at in some {
            assert!(dies_on(*at).await, "{service} has no place {at}");
        }
        return;
    }
    let mut deaths = 0;
    while dies_on(deaths + 1).await {
        deaths += 1;
    }
    eprintln!("{service}: {deaths} deaths, {variable}");
    assert!(deaths > 10, "{service} has more places than {deaths}");
}

#[tokio::test]
async fn orders_is_killed_at_its_calls_and_commits() {
    sweep("orders", PLACES, &[4, 17]).await;
}

#[tokio::test]
async fn orders_dies_at_the_commits_of_its_sagas() {
    sweep("orders", ENGINE, &[11, 27]).await;
}

#[tokio::test]
async fn payments_is_killed() {
    sweep("payments", PLACES, &[2, 13]).await;
}

#[tokio::test]
async fn inventory_is_killed() {
    sweep("inventory", PLACES, &[4, 9]).await;
}

#[tokio::test]
async fn shipping_is_killed() {
    sweep("shipping", PLACES, &[2]).await;
}

#[tokio::test]
async fn cards_is_killed() {
    sweep("cards", PLACES, &[6]).await;
}

#[tokio::test]
async fn on_postgresql_and_nats() {
    if env::var("SHOP_SWEEP").is_ok() {
        return; // All of it is asked for above.
    }
    for (service, variable, at) in [
        ("orders", PLACES, 9),
        ("orders", ENGINE, 15),
        ("payments", PLACES, 5),
        ("inventory", PLACES, 6),
    ] {
        let death = on_servers(|backend| dies(Some(backend), service, variable, at)).await;
        assert_ne!(death, Some(false), "{service} has no place {at}");
    }
}
