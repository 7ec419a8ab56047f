//! How soon the default breaker notices that a share of the calls fails, and how often it opens over a
//! service that always fails a little: `cargo bench --bench outcomes -- noticing`.

use std::{fmt::Write, time::Duration};

use tokio::time::{Instant, advance};
use tower_keep::circuit_breaker::{Breaker, CircuitBreakerConfig};
use tower_keep_test::sim::{Latency, Random};

/// The shares of failing calls in the table.
pub const SHARES: [f64; 10] = [0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.75, 1.0];
/// How often it is tried how soon it is noticed.
pub const RUNS: usize = 200;

const PER_SECOND: f64 = 100.0;
const SOON: Duration = Duration::from_secs(2);
/// More than a window: what is in it before says that all is well.
const CALM: Duration = Duration::from_secs(20);
/// What is not noticed by then counts as never.
const LONG: Duration = Duration::from_secs(60);
const STEADY: Duration = Duration::from_secs(3 * 3600);
const ENOUGH: usize = 100;

/// After so long each run opened, in order; [`Duration::MAX`] if it did not.
#[must_use]
pub fn noticed(failing: f64) -> Vec<Duration> {
    let mut times: Vec<_> = (0..RUNS)
        .map(|run| {
            paused(async {
                let mut traffic = Traffic::new(run, CircuitBreakerConfig::default());
                // A fault begins anywhere in a step of the window.
                let calm = CALM + Duration::from_secs(1).mul_f64(run as f64 / RUNS as f64);
                assert_eq!(traffic.opened(calm, 0.0).await, None, "nothing failed");
                traffic.opened(LONG, failing).await.unwrap_or(Duration::MAX)
            })
        })
        .collect();
    times.sort_unstable();
    times
}

/// How many of them opened within 2 s.
#[must_use]
pub fn soon(times: &[Duration]) -> usize {
    times.partition_point(|time| *time <= SOON)
}

/// How often an hour it opens over a service of which this share has always failed: each time from a full
/// window, as a few calls alone may be half bad by chance.
#[must_use]
pub fn openings(failing: f64, config: CircuitBreakerConfig) -> f64 {
    paused(async {
        let mut traffic = Traffic::new(0, config);
        let handle = traffic.breaker.handle();
        let (mut steady, mut openings) = (Duration::ZERO, 0);
        while openings < ENOUGH && steady < STEADY {
            handle.force_closed();
            traffic.opened(CALM, failing).await;
            handle.auto();
            let opened = traffic.opened(STEADY - steady, failing).await;
            openings += usize::from(opened.is_some());
            steady += opened.unwrap_or(STEADY);
            handle.reset();
        }
        openings as f64 / (steady.as_secs_f64() / 3600.0)
    })
}

/// How often an hour any rule at all opens over such a service, at the least, that notices half of the
/// calls failing within 2 s in 95 of 100 cases: the lemma of Neyman and Pearson says that none is better
/// than to count the failures of those 2 s.
#[must_use]
pub fn least_openings(failing: f64) -> f64 {
    let calls = (PER_SECOND * SOON.as_secs_f64()) as u32;
    let failures = (0..=calls)
        .rev()
        .find(|failures| at_least(*failures, calls, 0.5) >= 0.95);
    3600.0 / SOON.as_secs_f64() * at_least(failures.unwrap_or(0), calls, failing)
}

/// The probability that so many of the calls fail, or more.
fn at_least(failures: u32, calls: u32, failing: f64) -> f64 {
    let (mut one, mut sum) = ((1.0 - failing).powi(calls as i32), 0.0);
    for failed in 0..=calls {
        if failed >= failures {
            sum += one;
        }
        one *= f64::from(calls - failed) / f64::from(failed + 1) * failing / (1.0 - failing);
    }
    sum
}

/// All of it, for the page.
#[must_use]
pub fn table() -> String {
    let by_rate = CircuitBreakerConfig {
        consecutive_failures: None,
        ..CircuitBreakerConfig::default()
    };
    let mut text = "| calls that fail | within 2 s | half of the runs | nine of ten | openings an hour, by the rate | by all rules | by any rule |\n\
                    |--:|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for failing in SHARES {
        let times = noticed(failing);
        let after = |nth: usize| match times[nth] {
            Duration::MAX => "never".to_owned(),
            time => format!("{:.1} s", time.as_secs_f64()),
        };
        let hourly = if failing < 0.5 {
            format!(
                "{:.1} | {:.1} | {:.1}",
                openings(failing, by_rate.clone()),
                openings(failing, CircuitBreakerConfig::default()),
                least_openings(failing)
            )
        } else {
            "– | – | –".to_owned()
        };
        let _ = writeln!(
            text,
            "| {:.0} % | {} of {RUNS} | {} | {} | {hourly} |",
            100.0 * failing,
            soon(&times),
            after(RUNS / 2),
            after(RUNS * 9 / 10),
        );
    }
    text
}

/// Calls that come by chance and take no time.
struct Traffic {
    breaker: Breaker,
    random: Random,
}

impl Traffic {
    fn new(run: usize, config: CircuitBreakerConfig) -> Self {
        Self {
            breaker: Breaker::from_config(config).expect("a sound configuration"),
            random: Random::named(run as u64, "noticing"),
        }
    }

    /// Goes on for so long, or until it is open; after how long that was.
    async fn opened(&mut self, time: Duration, failing: f64) -> Option<Duration> {
        let start = Instant::now();
        let gap = Latency::exponential(Duration::from_secs(1).div_f64(PER_SECOND));
        while start.elapsed() < time {
            advance(gap.draw(&mut self.random)).await;
            let Ok(permit) = self.breaker.try_acquire() else {
                return Some(start.elapsed());
            };
            if self.random.chance(failing) {
                permit.failure();
            } else {
                permit.success();
            }
        }
        None
    }
}

fn paused<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime
        .expect("a runtime without I/O needs nothing")
        .block_on(run)
}
