use std::{
    ops::Range,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use http_body_util::BodyExt;
use tokio::time::{Instant, advance, sleep, timeout};
use tower::ServiceExt;

use super::{
    Client, Customers, Random, Report, World, pace,
    tally::{Call, End},
};
use crate::common::lock;

/// A simulation: who calls, for how long, and when there is trouble. What is called, and by which
/// clients, is said when it [runs](Self::run).
#[derive(Clone, Debug)]
pub struct Sim {
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) lasting: Duration,
    pub(super) fault: Range<Duration>,
    pub(super) groups: Vec<Customers>,
    paced: Option<f64>,
}

impl Sim {
    /// A simulation of this name, a minute long.
    ///
    /// The environment variable `SIM_SEED` replaces the seed: that is how a failure is replayed.
    ///
    /// # Panics
    /// If `SIM_SEED` is no number.
    #[must_use]
    pub fn new(name: impl Into<String>, seed: u64) -> Self {
        let asked = std::env::var("SIM_SEED").ok();
        Self {
            name: name.into(),
            seed: asked.map_or(seed, |asked| asked.parse().expect("SIM_SEED is a number")),
            lasting: Duration::from_secs(60),
            fault: Duration::ZERO..Duration::ZERO,
            groups: Vec::new(),
            paced: None,
        }
    }

    /// For so long customers come.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasting = time;
        self
    }

    /// When there is trouble. It makes none: it is what the measures refer to.
    #[must_use]
    pub fn fault(mut self, when: Range<Duration>) -> Self {
        self.fault = when;
        self
    }

    /// These come, beside the others.
    #[must_use]
    pub fn customers(mut self, customers: Customers) -> Self {
        self.groups.push(customers);
        self
    }

    /// Virtual time passes so many times as fast as real time and no faster: for layers that read the
    /// clock of std, which cannot be paused. Give such a layer durations that are as many times
    /// shorter, and look at [`Report::lag`]. It cannot be replayed exactly.
    #[must_use]
    pub fn paced(mut self, speed: f64) -> Self {
        self.paced = Some(speed);
        self
    }

    /// When there is trouble.
    #[must_use]
    pub fn trouble(&self) -> Range<Duration> {
        self.fault.clone()
    }

    /// Its seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Runs it: `fleet` makes the clients, and each call is made by one of them, by chance.
    ///
    /// In a runtime of its own, on one thread, whose time is paused. Layers that draw from `fastrand`
    /// are seeded as well, so that a run with the same seed is the same run.
    ///
    /// # Panics
    /// If `fleet` makes no client, or inside of a runtime.
    pub fn run(&self, fleet: impl FnOnce(&World) -> Vec<Client>) -> Report {
        fastrand::seed(self.seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O needs nothing");
        let (world, lag) = runtime.block_on(self.drive(fleet));
        // What hangs goes with it.
        drop(runtime);
        let tally = world.tally().clone();
        Report::new(self, tally, lag)
    }

    async fn drive(&self, fleet: impl FnOnce(&World) -> Vec<Client>) -> (World, Duration) {
        whole_hour().await;
        let world = World::new(self.seed);
        let lag: Arc<Mutex<Duration>> = match self.paced {
            Some(speed) => pace::keep(&world, speed),
            None => Arc::default(),
        };
        let fleet: Arc<[Client]> = fleet(&world).into();
        assert!(!fleet.is_empty(), "somebody has to call");
        for (group, customers) in self.groups.iter().enumerate() {
            let random = world.random(&customers.name);
            let group = u8::try_from(group).expect("a few groups");
            let (customers, fleet) = (Arc::new(customers.clone()), fleet.clone());
            tokio::spawn(come(
                group,
                customers,
                self.lasting,
                fleet,
                random,
                world.clone(),
            ));
        }
        world.sleep_until(self.lasting).await;
        let patience = self.groups.iter().map(|group| group.patience).max();
        sleep(patience.unwrap_or_default() + Duration::from_millis(2)).await;
        let lag = *lock(&lag);
        (world, lag)
    }
}

/// Paused time begins at the present, but layers may count in steps since the process began: so that
/// these begin with the simulation in every run, it begins a whole number of hours after the first.
async fn whole_hour() {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = FIRST.elapsed().as_secs_f64();
    let hours = (since / HOUR.as_secs_f64()).floor() + 1.0;
    let until = *FIRST + HOUR.mul_f64(hours);
    // Timers know whole milliseconds, of this runtime's own time.
    let millis = (until - Instant::now()).as_nanos().div_ceil(1_000_000);
    advance(Duration::from_millis(millis as u64)).await;
}

const HOUR: Duration = Duration::from_secs(3600);

/// The customers of a group come, whatever becomes of those before.
async fn come(
    group: u8,
    customers: Arc<Customers>,
    lasting: Duration,
    fleet: Arc<[Client]>,
    mut random: Random,
    world: World,
) {
    let (mut next, mut number) = (Duration::ZERO, u64::from(group) << 56);
    loop {
        match customers.load.next(next, &mut random) {
            Some(then) if then < lasting => next = then,
            _ => return,
        }
        // Timers know whole milliseconds.
        let tick = Duration::from_millis(next.as_millis() as u64);
        if tick > world.elapsed() {
            world.sleep_until(tick).await;
        }
        number += 1;
        let client = fleet[random.below(fleet.len())].clone();
        let (customers, world) = (customers.clone(), world.clone());
        tokio::spawn(async move {
            let came = world.elapsed();
            let end = timeout(customers.patience, call(client, &customers, number)).await;
            let end = end.unwrap_or(End::GaveUp);
            let took = world.elapsed() - came;
            world.tally().calls.push(Call {
                group,
                came,
                took,
                end,
            });
        });
    }
}

async fn call(client: Client, customers: &Customers, number: u64) -> End {
    let Ok(answer) = client.oneshot(customers.request(number)).await else {
        return End::Failed;
    };
    if !answer.status().is_success() {
        return End::Failed;
    }
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return End::Failed;
        }
        if !customers.frame_every.is_zero() {
            sleep(customers.frame_every).await;
        }
    }
    End::Good
}
