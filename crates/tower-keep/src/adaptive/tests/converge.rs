//! The whole machine on simulated servers.

use std::time::Duration;

use super::simulation::{Outcome, Server, aimd, gradient, vegas};
use crate::adaptive::state::Boxed;

const FLOOD: f64 = 3.0;
const CALM: f64 = 0.5;

fn phase(server: &mut Server, load: f64, seconds: f64) -> Outcome {
    server.rate = server.capacity() * load;
    server.run(seconds)
}

#[test]
fn a_flood_is_turned_away_and_the_server_works_on_at_full_speed() {
    for (name, make) in [("gradient", gradient as fn() -> Boxed), ("vegas", vegas)] {
        for (workers, work) in [(10, 0.02), (4, 0.1), (50, 0.01), (2, 0.005)] {
            let mut server = Server::new(make(), workers, work, 0.0);
            let calm = phase(&mut server, CALM, 10.0);
            let share = calm.in_time as f64 / calm.offered as f64;
            assert!(share > 0.95, "{name}, {workers}: {share} in the calm");
            let flood = phase(&mut server, FLOOD, 60.0);
            let share = flood.in_time as f64 / server.capacity() / 60.0;
            assert!(share > 0.9, "{name}, {workers}: {share} of the capacity");
            let mut limits = flood.limits;
            limits.sort_unstable();
            let [median, most] = [limits[limits.len() / 2], limits[limits.len() - 1]];
            assert!(
                median as usize <= 20.max(workers * 3 / 2) && most as usize <= 60.max(workers * 4),
                "{name}, {workers}: {median} at once, and up to {most}"
            );
            let after = phase(&mut server, CALM, 2.0);
            let share = after.in_time as f64 / after.offered as f64;
            assert!(share > 0.95, "{name}, {workers}: {share} afterwards");
        }
    }
}

#[test]
fn a_limit_that_begins_in_a_flood_finds_down() {
    for make in [gradient, vegas] {
        let mut server = Server::new(make(), 10, 0.02, 0.0);
        phase(&mut server, FLOOD, 30.0);
        let flood = phase(&mut server, FLOOD, 30.0);
        let most = flood.limits.iter().max();
        assert!(most <= Some(&40), "{most:?}");
    }
}

#[test]
fn a_service_that_is_slower_and_not_overloaded_gets_its_calls() {
    let mut server = Server::new(gradient(), 1000, 0.02, 4000.0);
    server.run(20.0);
    // Three times as long, and still workers for all.
    server.work *= 3.0;
    server.run(20.0);
    let later = server.run(5.0);
    let share = later.in_time as f64 / later.offered as f64;
    assert!(share > 0.95, "{share}: {:?}", server.machine.step);
}

#[test]
fn aimd_goes_by_what_it_is_told() {
    let mut server = Server::new(aimd(Some(Duration::from_millis(100))), 10, 0.02, 0.0);
    let flood = phase(&mut server, FLOOD, 30.0);
    assert!(flood.limits.iter().max() <= Some(&60), "{:?}", flood.limits);
    assert!(flood.in_time as f64 / server.capacity() / 30.0 > 0.95);
}

#[test]
fn a_minute_of_little_traffic_changes_nothing() {
    for make in [gradient, vegas, || aimd(None)] {
        let mut server = Server::new(make(), 100, 0.02, 50.0);
        let calm = server.run(60.0);
        assert!(calm.limits.len() > 50);
        assert_eq!(calm.changes, []);
    }
}
