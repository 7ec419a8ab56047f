//! The simulator against what queueing theory and common sense say.

use std::{panic::AssertUnwindSafe, time::Duration};

use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_keep_test::{
    assert_slo,
    sim::{Customers, End, Fault, Latency, Load, Report, Request, Sim, Upstream},
};

const MS: Duration = Duration::from_millis(1);

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn steady(name: &str, rate: f64) -> Sim {
    Sim::new(name, 1).customers(Customers::new("all", Load::steady(rate)).patience(secs(10)))
}

fn open(sim: &Sim, upstream: Upstream) -> Report {
    sim.run(|world| vec![upstream.open(world)])
}

#[test]
fn waits_are_those_of_an_m_m_c_queue() {
    // Ten workers, 70 % busy: Erlang C gives a mean wait of 0.222 * 50 ms / (10 - 7) = 3.7 ms; 22 % wait.
    let sim = steady("m/m/c", 140.0).lasting(secs(200));
    let report = open(&sim, Upstream::new("u", 10, Latency::exponential(50 * MS)));
    let median = report.p50(report.all());
    assert!((36 * MS..41 * MS).contains(&median), "{median:?}");
    let offered = report.offered(report.all());
    assert!((27_500..28_500).contains(&offered), "{offered}");
    assert_slo!(report, good_share(report.all()) >= 1.0);
    assert_slo!(report, wasted() <= 0.0);
}

#[test]
fn what_is_too_much_waits_for_ever_or_is_refused() {
    let sim = steady("too much", 300.0);
    let upstream = || Upstream::new("u", 10, Latency::fixed(50 * MS));
    let endless = open(&sim, upstream());
    assert_slo!(endless, goodput(secs(40)..secs(60)) < 1.0);
    assert_slo!(endless, wasted() > 0.5);
    let bounded = open(&sim, upstream().queue(20));
    assert_slo!(bounded, goodput(secs(40)..secs(60)) > 195.0);
    assert_slo!(bounded, p99(bounded.all()) <= 150 * MS);
}

#[test]
fn work_for_those_who_have_gone_can_be_left_out() {
    let sim = steady("gone", 100.0).fault(secs(10)..secs(40));
    let upstream = Upstream::new("u", 10, Latency::fixed(50 * MS));
    let upstream = upstream.during(sim.trouble(), Fault::Pause);
    let done = open(&sim, upstream.clone());
    assert_slo!(done, wasted() > 0.3);
    let dropped = open(&sim, upstream.drops_abandoned());
    assert_slo!(dropped, wasted() < 0.01);
    assert!(dropped.time_to_recover() < done.time_to_recover());
}

#[test]
fn faults_begin_and_end_when_they_should() {
    for (fault, good, ends) in [
        (Fault::Refused, 0.0, End::Failed),
        (Fault::Hangs, 0.0, End::GaveUp),
        (Fault::Fails(0.5), 50.0, End::Failed),
        (Fault::BrownOut(0.2), 40.0, End::GaveUp),
        (Fault::Pause, 0.0, End::GaveUp),
        (
            Fault::Limited {
                per_second: 30,
                retry_after: secs(1),
            },
            30.0,
            End::Failed,
        ),
    ] {
        let customers = Customers::new("all", Load::steady(100.0)).patience(secs(1));
        let sim = Sim::new("a fault", 1)
            .fault(secs(20)..secs(40))
            .customers(customers);
        let upstream = Upstream::new("u", 10, Latency::fixed(50 * MS)).queue(20);
        let report = open(&sim, upstream.during(sim.trouble(), fault));
        assert_slo!(report, good_share(secs(0)..secs(19)) >= 1.0);
        let goodput = report.goodput(secs(22)..secs(38));
        assert!(
            (good - 5.0..=good + 5.0).contains(&goodput),
            "{fault:?}: {report}"
        );
        let bad = report.offered(secs(22)..secs(38)) - report.ended(End::Good, secs(22)..secs(38));
        let queue_is_full = report.ended(End::Failed, secs(22)..secs(38));
        assert!(
            report.ended(ends, secs(22)..secs(38)) + queue_is_full >= bad,
            "{fault:?}: {report}"
        );
        assert_slo!(report, time_to_recover() <= secs(2));
        assert_slo!(report, good_share(secs(43)..secs(60)) >= 1.0);
    }
}

#[test]
fn after_an_outage_it_is_cold() {
    let sim = steady("cold", 100.0).fault(secs(20)..secs(30));
    let upstream = Upstream::new("u", 100, Latency::fixed(50 * MS))
        .during(sim.trouble(), Fault::Refused)
        .cold_start(secs(10), 0.2);
    let report = open(&sim, upstream);
    for from in [0, 30] {
        assert_slo!(report, p50(secs(from)..secs(from + 1)) >= 150 * MS);
        assert_slo!(report, p50(secs(from + 10)..secs(from + 11)) <= 51 * MS);
    }
}

#[test]
fn a_chain_is_as_good_as_its_end_and_goes_with_its_caller() {
    let sim = steady("chain", 50.0).fault(secs(20)..secs(40));
    let report = sim.run(|world| {
        let fast = Latency::fixed(5 * MS);
        let last = Upstream::new("c", 50, fast).during(sim.trouble(), Fault::Hangs);
        let middle = Upstream::new("b", 1000, fast)
            .uncounted()
            .calls(last.open(world));
        let first = Upstream::new("a", 1000, fast)
            .uncounted()
            .calls(middle.open(world));
        vec![first.open(world)]
    });
    assert_slo!(report, p50(secs(0)..secs(20)) <= 15 * MS);
    assert_slo!(report, goodput(secs(21)..secs(39)) <= 0.0);
    assert_slo!(report, time_to_recover() <= secs(1));
    assert_slo!(report, amplification() <= 1.0);
}

#[test]
fn slow_readers_keep_workers() {
    let slow = Customers::new("slow", Load::steady(2.0)).patience(secs(1000));
    let sim = steady("readers", 50.0).customers(slow.reading_a_frame_every(secs(1)));
    let report = open(
        &sim,
        Upstream::new("u", 20, Latency::fixed(10 * MS)).streams(30),
    );
    assert_slo!(report.only("all"), goodput(secs(5)..secs(8)) >= 40.0);
    assert_slo!(report.only("all"), goodput(secs(20)..secs(30)) <= 5.0);
}

#[test]
fn a_seed_is_a_run_and_layers_do_not_change_who_comes() {
    let sim = steady("replay", 100.0).fault(secs(10)..secs(20));
    let upstream = Upstream::new("u", 10, Latency::log_normal(40 * MS, 200 * MS))
        .during(sim.trouble(), Fault::Fails(0.3));
    let once = open(&sim, upstream.clone());
    assert_eq!(once, open(&sim, upstream.clone()));
    let other = Sim::new("replay", 2).customers(Customers::new("all", Load::steady(100.0)));
    assert_ne!(
        once.offered(once.all()),
        open(&other, upstream.clone()).offered(once.all())
    );
    let twice = sim.run(|world| {
        let client = upstream.open(world);
        vec![BoxCloneSyncService::new(service_fn(
            move |request: Request| {
                let (first, then) = (client.clone(), client.clone());
                async move {
                    first.oneshot(request.clone()).await?;
                    then.oneshot(request).await
                }
            },
        ))]
    });
    assert_eq!(once.offered(once.all()), twice.offered(once.all()));
    assert_slo!(twice, amplification() >= 1.99);
}

#[test]
fn hours_pass_in_seconds_and_rates_change() {
    let load = Load::steady(1.0)
        .then(secs(3600), 5.0)
        .then(secs(7200), 0.0)
        .then(secs(10_800), 1.0);
    let sim = Sim::new("a morning", 1).lasting(secs(4 * 3600));
    let sim = sim.customers(Customers::new("all", load));
    let report = open(&sim, Upstream::new("u", 10, Latency::fixed(50 * MS)));
    let hour = |n: u64| report.offered(secs(3600 * n)..secs(3600 * (n + 1)));
    assert!((3400..3800).contains(&hour(0)), "{}", hour(0));
    assert!((17_600..18_400).contains(&hour(1)), "{}", hour(1));
    assert_eq!(hour(2), 0);
    assert!((3400..3800).contains(&hour(3)), "{}", hour(3));
}

#[test]
fn a_pace_ties_virtual_time_to_real_time() {
    #[expect(clippy::disallowed_methods, reason = "real time is what it is about")]
    let start = std::time::Instant::now();
    let sim = steady("paced", 10.0).lasting(secs(10)).paced(100.0);
    open(&sim, Upstream::new("u", 10, Latency::fixed(50 * MS)));
    assert!(start.elapsed() >= 190 * MS, "{:?}", start.elapsed());
}

#[test]
fn a_missed_bound_explains_itself() {
    let sim = steady("a bad day", 100.0).fault(secs(20)..secs(60));
    let upstream = Upstream::new("u", 10, Latency::fixed(50 * MS));
    let report = open(&sim, upstream.during(sim.trouble(), Fault::Refused));
    let missed = AssertUnwindSafe(|| assert_slo!(report, time_to_recover() <= secs(5)));
    let said = *std::panic::catch_unwind(missed)
        .unwrap_err()
        .downcast::<String>()
        .unwrap();
    for part in [
        "\"a bad day\": time_to_recover() is never, must be <= 5s",
        "replay it with SIM_SEED=1",
        "trouble from 20s to 60s",
        "20s",
    ] {
        assert!(said.contains(part), "no {part:?} in: {said}");
    }
}
