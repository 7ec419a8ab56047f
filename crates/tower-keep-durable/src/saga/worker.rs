use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    PlanError, Saga, SagaError, Sagas, Status, fault::Hooks, registry::Registry, store::claim,
};
use crate::{
    common::worker::{Pass, work},
    db::micros,
    observe,
};

/// How often a worker that runs looks at [how sagas stand](Worker::measure).
const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// Moves sagas on. Any number of workers, in any number of processes, may share a database. Clones
/// work on the same sagas.
///
/// Killed or dropped at any point, what it worked on is taken over by another worker once the lease
/// has ended, and whatever was under way is taken for something that may have been executed.
#[derive(Debug, Clone)]
pub struct Worker {
    pub(super) sagas: Sagas,
    pub(super) registry: Arc<Registry>,
    pub(super) lease: Duration,
    pub(super) hooks: Hooks,
    pub(super) stopping: Arc<AtomicBool>,
    concurrency: usize,
    poll: Duration,
}

/// What a pass did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// No saga is due.
    Idle,
    /// This saga was moved on until it ended or had to wait.
    Moved {
        /// Which.
        id: String,
        /// Where it stands now.
        status: Status,
    },
    /// Another worker has taken this saga over.
    Lost {
        /// Which.
        id: String,
    },
}

impl Worker {
    /// A worker that knows no plan yet.
    #[must_use]
    pub fn new(sagas: &Sagas) -> Self {
        Self {
            sagas: sagas.clone(),
            registry: Arc::default(),
            lease: Duration::from_secs(30),
            hooks: Hooks::default(),
            stopping: Arc::default(),
            concurrency: 16,
            poll: Duration::from_millis(250),
        }
    }

    /// Works on the sagas of this plan too. Versions stand beside each other; a row of a plan that is
    /// not registered, or has other steps, is left alone and [counted](super::Figures::unknown_plan).
    ///
    /// # Errors
    /// The plan cannot be worked on; the error names the field.
    pub fn register<S: Saga>(mut self, saga: S) -> Result<Self, PlanError> {
        Arc::make_mut(&mut self.registry).add(saga)?;
        Ok(self)
    }

    /// How long a saga is this worker's before another may take it. Default 30 s; renewed at a third of
    /// it while a step runs, so it need not be longer than a step. It is how long a saga waits after
    /// a crash.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How many sagas are moved on at the same time. Default 16.
    #[must_use]
    pub fn concurrency(mut self, sagas: usize) -> Self {
        self.concurrency = sagas.max(1);
        self
    }

    /// How often it looks for what is due. Default 250 ms.
    #[must_use]
    pub fn poll(mut self, every: Duration) -> Self {
        self.poll = every;
        self
    }

    /// With faults, for tests.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn faults(mut self, faults: &super::Faults) -> Self {
        self.hooks = faults.clone();
        self
    }

    /// Takes the saga that has been due for longest and moves it on until it ends or has to wait.
    ///
    /// # Errors
    /// The database fails. What was under way may have been executed, and is made again.
    pub async fn pass(&self) -> Result<Passed, SagaError> {
        match claim(&self.sagas.db, &self.registry, self.lease).await? {
            Some(row) => self.drive(row).await,
            None => Ok(Passed::Idle),
        }
    }

    /// Works until `stop`; then ends the steps that are under way and gives their sagas back.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let worker = Self {
            stopping: Arc::default(),
            ..self.clone()
        };
        let places = Arc::new(Semaphore::new(worker.concurrency));
        let tasks: Mutex<JoinSet<()>> = Mutex::default();
        let measured = AtomicI64::new(0);
        let wake = Arc::clone(&worker.sagas.wake);
        work("sagas", worker.poll, &wake, stop, || async {
            worker.measure_at_times(&measured).await?;
            lock(&tasks, |tasks| while tasks.try_join_next().is_some() {});
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                return Ok(Pass::Idle); // The next to end wakes us.
            };
            let db = &worker.sagas.db;
            let Some(row) = claim(db, &worker.registry, worker.lease).await? else {
                return Ok(Pass::Idle);
            };
            let worker = worker.clone();
            lock(&tasks, |tasks| {
                tasks.spawn(async move {
                    if let Err(error) = worker.drive(row).await {
                        observe::failed("sagas", &error.into());
                    }
                    drop(place);
                    worker.sagas.wake();
                });
            });
            Ok(Pass::Busy)
        })
        .await;
        worker.stopping.store(true, Ordering::Relaxed);
        let mut tasks = tasks.into_inner().unwrap_or_else(PoisonError::into_inner);
        while tasks.join_next().await.is_some() {}
    }

    async fn measure_at_times(&self, measured: &AtomicI64) -> Result<(), SagaError> {
        let now = self.sagas.db.now();
        if now.saturating_sub(measured.load(Ordering::Relaxed)) < micros(MEASURE_EVERY) {
            return Ok(());
        }
        measured.store(now, Ordering::Relaxed);
        self.measure().await.map(drop)
    }
}

fn lock<T>(tasks: &Mutex<JoinSet<()>>, with: impl FnOnce(&mut JoinSet<()>) -> T) -> T {
    with(&mut tasks.lock().unwrap_or_else(PoisonError::into_inner))
}
