//! What happens: one file for each scenario, with what ours has to reach in it.

mod brownout;
mod chain;
mod detection;
mod outage;
mod overload;
mod quota;
mod readers;
mod replica;
mod storm;

use std::{ops::Range, time::Duration};

use tower_keep_test::sim::{Client, Customers, Latency, Load, Report, Sim, Upstream, World};

pub use self::detection::Detection;
use crate::contenders::{Contender, Setting};

/// Something that goes wrong.
#[derive(Debug)]
pub struct Scenario {
    /// Short, for files.
    pub id: &'static str,
    /// For the table.
    pub title: &'static str,
    /// What happens, in a sentence or two.
    pub what: String,
    /// Who calls, and when there is trouble.
    pub sim: Sim,
    /// Whose goodput, latencies and errors the table has.
    pub customers: &'static str,
    /// What the service can do a second, for the picture.
    pub capacity: f64,
    /// What is protected.
    pub setting: Setting,
    build: fn(&dyn Contender, &Setting, &World) -> Vec<Client>,
    slo: fn(&Report),
}

impl Scenario {
    /// What becomes of it with this contender.
    #[must_use]
    pub fn run(&self, contender: &dyn Contender) -> Report {
        let sim = match contender.pace() {
            Some(pace) => self.sim.clone().paced(pace),
            None => self.sim.clone(),
        };
        sim.run(|world| (self.build)(contender, &self.setting, world))
    }

    /// What ours has to reach.
    ///
    /// # Panics
    /// If it does not.
    pub fn hold_to(&self, ours: &Report) {
        (self.slo)(ours);
    }
}

/// All of them, in the order of the table.
#[must_use]
pub fn all() -> Vec<Scenario> {
    vec![
        outage::hanging(),
        outage::refused(),
        brownout::scenario(),
        replica::scenario(),
        storm::clients(),
        storm::both_sides(),
        overload::scenario(),
        readers::scenario(),
        quota::scenario(),
        chain::scenario(),
    ]
}

const SEED: u64 = 1;
const FAULT: Range<Duration> = secs(20)..secs(50);
const LASTING: Duration = secs(80);
/// Ten workers, 50 ms on average: 200 calls a second.
const WORKERS: usize = 10;
/// 70 % of that.
const LOAD: f64 = 140.0;
const FLEET: usize = 10;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn work() -> Latency {
    Latency::exponential(Duration::from_millis(50))
}

fn service() -> Upstream {
    Upstream::new("service", WORKERS, work())
}

fn everybody() -> Customers {
    Customers::new("all", Load::steady(LOAD))
}

fn fleet(of: usize, client: impl Fn() -> Client) -> Vec<Client> {
    (0..of).map(|_| client()).collect()
}

/// Ten clients and one service, both with layers.
fn both(
    contender: &dyn Contender,
    setting: &Setting,
    world: &World,
    service: &Upstream,
) -> Vec<Client> {
    let server = service.behind(world, |work| contender.server(setting, work));
    fleet(FLEET, || contender.client(setting, server.clone()))
}
