//! A service is killed at its n-th place, for every n that there is, and started again: the story ends
//! as if nothing had happened.
//!
//! A place is before and after each commit, call, and on a broker each publication and acknowledgement.
//! A run of the tests takes some places of each service; `SHOP_SWEEP=all` takes all of them,
//! `SHOP_SWEEP=all-choreography` the same where the services follow each other's events, and
//! `SHOP_SWEEP=all-servers` on PostgreSQL and NATS; `SHOP_SWEEP_EVERY=7` takes every seventh,
//! `SHOP_SWEEP_FROM=100` begins there.

use std::env;

use shop_kit::flow::Flow;

use crate::{
    backend::{Backend, on_servers},
    fleet::{Fleet, Setup},
    story,
};

/// A service comes by some more places or fewer from run to run, as its tasks meet. So many that nobody
/// came by are the end.
const BEYOND: usize = 3;

/// Plays the story with one death; false if there are not so many places, and nobody died. A sweep says
/// how far it is.
async fn dies(setup: Setup, service: &'static str, at: usize) -> bool {
    let armed = Some((service, at));
    let mut fleet = Fleet::start(Setup { armed, ..setup }).await;
    let mut played = story::play(&mut fleet).await;
    let (said, line) = (fleet.said(service), format!("crash point {at}: "));
    let died = said.lines().find(|said| said.starts_with(&line));
    if played.is_ok() && died.is_some() && fleet.deaths.is_empty() {
        // It died when all had been looked at.
        played = fleet.audit().await;
    }
    if let Err(wrong) = played {
        let (said, kept) = (fleet.all_said(), fleet.keep());
        panic!("{service}, place {at}: {wrong}\n{said}\nits databases are kept: {kept:?}");
    }
    if env::var_os("SHOP_SWEEP").is_some() {
        eprintln!("{service}: {}", died.unwrap_or("no such place"));
    }
    match died {
        Some(_) => assert_eq!(fleet.deaths, [(service.to_owned(), 9)], "place {at}"),
        None => assert_eq!(fleet.deaths, [], "{service}, place {at}"),
    }
    died.is_some()
}

fn servers(backend: Backend) -> Setup {
    Setup {
        backend: Some(backend),
        ..Setup::default()
    }
}

fn choreography() -> Setup {
    Setup {
        flow: Flow::Choreography,
        ..Setup::default()
    }
}

/// All places of a service if all are asked for, or these.
async fn sweep(service: &'static str, some: &[usize]) {
    let asked = env::var("SHOP_SWEEP").unwrap_or_default();
    let dies_on = async |at| match &*asked {
        "all-servers" => {
            let death = on_servers(|backend| dies(servers(backend), service, at));
            death.await.expect("the servers that were asked for")
        }
        "all-choreography" => dies(choreography(), service, at).await,
        _ => dies(Setup::default(), service, at).await,
    };
    if asked.is_empty() {
        for at in some {
            assert!(dies_on(*at).await, "{service} has no place {at}");
        }
        return;
    }
    let number = |name| env::var(name).map_or(1, |number| number.parse().unwrap());
    let (from, every) = (number("SHOP_SWEEP_FROM"), number("SHOP_SWEEP_EVERY"));
    let (mut deaths, mut beyond) = (0, 0);
    for at in (from..).step_by(every) {
        match dies_on(at).await {
            true => (deaths, beyond) = (deaths + 1, 0),
            false => beyond += 1,
        }
        if beyond == BEYOND {
            break;
        }
    }
    eprintln!("{service}: {deaths} deaths");
    assert!(
        from + deaths * every > 10,
        "{service} has more places than {deaths}"
    );
}

#[tokio::test]
async fn orders_is_killed() {
    sweep("orders", &[43, 195]).await;
}

#[tokio::test]
async fn payments_is_killed() {
    sweep("payments", &[33, 118]).await;
}

#[tokio::test]
async fn inventory_is_killed() {
    sweep("inventory", &[29]).await;
}

#[tokio::test]
async fn shipping_is_killed() {
    sweep("shipping", &[18]).await;
}

#[tokio::test]
async fn cards_is_killed() {
    sweep("cards", &[16]).await;
}

#[tokio::test]
async fn notifications_is_killed() {
    sweep("notifications", &[25]).await;
}

#[tokio::test]
async fn views_is_killed() {
    sweep("views", &[132]).await;
}

#[tokio::test]
async fn who_takes_part_in_choreography() {
    if env::var("SHOP_SWEEP").is_ok() {
        return; // All of it is asked for above.
    }
    for (service, at) in [("orders", 151), ("inventory", 95)] {
        assert!(
            dies(choreography(), service, at).await,
            "{service} has no place {at}"
        );
    }
}

#[tokio::test]
async fn on_postgresql_and_nats() {
    if env::var("SHOP_SWEEP").is_ok() {
        return; // All of it is asked for above.
    }
    for (service, at) in [("orders", 60), ("payments", 15), ("views", 19)] {
        let death = on_servers(|backend| dies(servers(backend), service, at)).await;
        assert_ne!(death, Some(false), "{service} has no place {at}");
    }
}
