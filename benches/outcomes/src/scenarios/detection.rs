use std::time::Duration;

use tower_keep_test::{
    assert_slo,
    sim::{Customers, Fault, Latency, Load, Report, Sim, Upstream},
};

use super::{SEED, secs};
use crate::contenders::{Contender, Setting};

/// How soon one client notices, however long all was well before.
#[derive(Debug)]
pub struct Detection {
    /// How long all was well.
    pub uptime: Duration,
    fault: Fault,
    sim: Sim,
}

/// Shorter than a breaker stays open, longer than such a client is ever silent.
const QUIET: Duration = Duration::from_millis(400);
const AFTER: Duration = secs(20);

impl Detection {
    /// From one moment to the next, connections are refused.
    #[must_use]
    pub fn outage(uptime: Duration) -> Self {
        Self::of(uptime, Fault::Refused, 50.0)
    }

    /// Half of the calls fail.
    #[must_use]
    pub fn half(uptime: Duration) -> Self {
        Self::of(uptime, Fault::Fails(0.5), 100.0)
    }

    fn of(uptime: Duration, fault: Fault, rate: f64) -> Self {
        // A day at full load would tell nothing more: only its last minute is.
        let calm = if uptime > secs(3600) {
            rate / 10.0
        } else {
            rate
        };
        let load = Load::steady(calm).then(uptime.saturating_sub(secs(60)), rate);
        let sim = Sim::new("detection", SEED)
            .lasting(uptime + AFTER)
            .fault(uptime..uptime + AFTER)
            .customers(Customers::new("all", load));
        Self { uptime, fault, sim }
    }

    /// What becomes of it.
    #[must_use]
    pub fn run(&self, contender: &dyn Contender) -> Report {
        let sim = match contender.pace() {
            Some(pace) => self.sim.clone().paced(pace),
            None => self.sim.clone(),
        };
        sim.run(|world| {
            let work = Latency::fixed(Duration::from_millis(5));
            let upstream = Upstream::new("service", 100, work).during(sim.trouble(), self.fault);
            vec![contender.client(
                &Setting {
                    busy: true,
                    ..Setting::default()
                },
                upstream.open(world),
            )]
        })
    }

    /// For the table: after how many calls and how long it was noticed.
    #[must_use]
    pub fn noticed(&self, report: &Report) -> String {
        match report.time_to_silence(QUIET) {
            Duration::MAX => "never".to_owned(),
            time => format!("{} calls, {time:?}", report.sent_before_silence(QUIET)),
        }
    }

    /// What ours has to reach.
    ///
    /// # Panics
    /// If it does not.
    pub fn hold_to(&self, ours: &Report) {
        match self.fault {
            Fault::Refused => assert_slo!(ours, sent_before_silence(QUIET) <= 10),
            _ => assert_slo!(ours, time_to_silence(QUIET) <= secs(2)),
        }
    }

    /// For the table.
    #[must_use]
    pub fn title(&self) -> String {
        let what = match self.fault {
            Fault::Refused => "refused",
            _ => "half of the calls fail",
        };
        format!("{what}, after {}", human(self.uptime))
    }
}

fn human(time: Duration) -> String {
    match time.as_secs() {
        hours if hours % 3600 == 0 => format!("{} h", hours / 3600),
        seconds => format!("{} min", seconds / 60),
    }
}
