//! A minute of three times as many calls as a server can take.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, sleep, sleep_until, timeout},
};
use tower::{BoxError, Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_keep::adaptive::{
    AdaptiveConfig, AdaptiveLayer, AimdConfig, AlgorithmConfig, GradientConfig, VegasConfig,
};

const WORKERS: usize = 10;
/// On average; a call takes between half and one and a half times as long.
const WORK: Duration = Duration::from_millis(40);
/// Calls a second.
const CAPACITY: f64 = WORKERS as f64 / 0.04;
/// Whoever waits longer has gone.
const PATIENCE: Duration = Duration::from_millis(500);

const CALM: f64 = CAPACITY / 2.0;
const FLOOD: f64 = CAPACITY * 3.0;

/// A small generator, so that each run is the same.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) as f64 / u64::MAX as f64
    }

    /// How many calls come in a time in which `mean` do on average.
    fn arrivals(&mut self, mean: f64) -> usize {
        let (mut count, mut product) = (0, self.next());
        while product > (-mean).exp() {
            count += 1;
            product *= self.next();
        }
        count
    }
}

type Answering = BoxCloneSyncService<Duration, (), BoxError>;

/// Does the work of a call in order of arrival, whether or not its caller still waits: what a
/// server has read is worked on, and so the queue only grows.
fn server() -> Answering {
    let workers = Arc::new(Semaphore::new(WORKERS));
    BoxCloneSyncService::new(service_fn(move |work: Duration| {
        let workers = workers.clone();
        async move {
            let done = tokio::spawn(async move {
                let _worker = workers.acquire().await.expect("it is never closed");
                sleep(work).await;
            });
            Ok(done.await?)
        }
    }))
}

/// Good answers in each second of arrival, and calls.
#[derive(Debug)]
struct Seconds(Vec<(usize, usize)>);

impl Seconds {
    fn good(&self, seconds: std::ops::Range<usize>) -> usize {
        self.0[seconds].iter().map(|(good, _)| good).sum()
    }

    fn offered(&self, seconds: std::ops::Range<usize>) -> usize {
        self.0[seconds].iter().map(|(_, offered)| offered).sum()
    }
}

/// Calls come whatever becomes of those before them: 5 s of calm, 60 s of flood, 5 s of calm.
async fn run(service: Answering, seed: u64) -> Seconds {
    let mut random = Random(seed);
    let start = Instant::now();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut seconds = vec![(0, 0); 70];
    for millisecond in 0..70_000 {
        let second = millisecond / 1000;
        let rate = if (5..65).contains(&second) {
            FLOOD
        } else {
            CALM
        };
        for _ in 0..random.arrivals(rate / 1000.0) {
            seconds[second].1 += 1;
            let work = WORK.mul_f64(0.5 + random.next());
            let (service, sender) = (service.clone(), sender.clone());
            tokio::spawn(async move {
                if let Ok(Ok(())) = timeout(PATIENCE, service.oneshot(work)).await {
                    let _ = sender.send(second);
                }
            });
        }
        sleep_until(start + Duration::from_millis(millisecond as u64 + 1)).await;
    }
    drop(sender);
    while let Some(second) = receiver.recv().await {
        seconds[second].0 += 1;
    }
    Seconds(seconds)
}

const DURING: std::ops::Range<usize> = 5..65;
/// From a second after the flood on.
const AFTER: std::ops::Range<usize> = 66..70;

fn share_of_capacity(seconds: &Seconds) -> f64 {
    seconds.good(DURING) as f64 / (CAPACITY * DURING.len() as f64)
}

async fn stands(algorithm: AlgorithmConfig) {
    let config = AdaptiveConfig {
        algorithm,
        ..AdaptiveConfig::server()
    };
    let layer = AdaptiveLayer::from_config(config).unwrap().plain();
    let service = BoxCloneSyncService::new(layer.layer(server()));
    let seconds = run(service, 1).await;
    let share = share_of_capacity(&seconds);
    assert!(share >= 0.8, "{share} of the capacity: {seconds:?}");
    for second in DURING {
        let good = seconds.good(second..second + 1) as f64;
        assert!(good >= CAPACITY / 2.0, "second {second}: {seconds:?}");
    }
    let (good, offered) = (seconds.good(AFTER), seconds.offered(AFTER));
    assert!(good * 100 >= offered * 99, "{good} of {offered} afterwards");
}

#[tokio::test(start_paused = true)]
async fn the_gradient_keeps_a_server_standing() {
    stands(AlgorithmConfig::Gradient(GradientConfig::default())).await;
}

#[tokio::test(start_paused = true)]
async fn vegas_keeps_a_server_standing() {
    stands(AlgorithmConfig::Vegas(VegasConfig::default())).await;
}

#[tokio::test(start_paused = true)]
async fn aimd_keeps_a_server_standing_that_is_told_what_is_slow() {
    let config = AimdConfig {
        slow: Some(Duration::from_millis(200)),
        ..AimdConfig::default()
    };
    stands(AlgorithmConfig::Aimd(config)).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_it_falls_and_does_not_come_back() {
    let seconds = run(server(), 1).await;
    let share = share_of_capacity(&seconds);
    assert!(share < 0.1, "{share} of the capacity: {seconds:?}");
    assert_eq!(seconds.good(AFTER), 0, "it works for those who have gone");
    assert_eq!(seconds.good(0..4), seconds.offered(0..4), "it was well");
}
