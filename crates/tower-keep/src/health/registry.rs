use std::{pin::Pin, sync::Arc};

use tokio::{runtime, sync::watch, task::JoinSet};

use super::{
    Check, HealthConfig, Importance, LAYER, Lifecycle, Paths, Phase, Standing, cell::Cell, runner,
};
use crate::{
    common::{
        clock::{self, Instant},
        sync::{self, Mutex, RwLock},
    },
    config::ConfigError,
    observe::{Emitter, Watch},
};

/// What a layer, its clones, its services and its handles share. When it is gone, the checks stop.
pub(super) struct Registry {
    pub(super) emitter: Emitter,
    pub(super) lifecycle: Lifecycle,
    /// Fixed, so that a request reads them without a lock.
    pub(super) paths: Paths,
    pub(super) born: Instant,
    config: watch::Sender<Arc<HealthConfig>>,
    cells: RwLock<Vec<Arc<Cell>>>,
    watched: RwLock<Vec<Arc<dyn Watch>>>,
    maintenance: RwLock<Option<String>>,
    runners: Mutex<Runners>,
}

/// The tasks of the checks. Dropping the set aborts them.
#[derive(Default)]
struct Runners {
    /// Registered where there was no runtime to run on.
    waiting: Vec<Runner>,
    running: JoinSet<()>,
}

/// Boxed once for each check, not for each run.
type Runner = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Registry {
    pub(super) fn new(config: HealthConfig) -> Self {
        let emitter = Emitter::new(LAYER);
        Self {
            lifecycle: Lifecycle::new(config.lifecycle, emitter.clone()),
            emitter,
            paths: config.paths.clone(),
            born: clock::now(),
            config: watch::Sender::new(Arc::new(config)),
            cells: RwLock::default(),
            watched: RwLock::default(),
            maintenance: RwLock::default(),
            runners: Mutex::default(),
        }
    }

    pub(super) fn add(&self, name: String, importance: Importance, check: impl Check) {
        let cell = Arc::new(Cell::new(name, importance, check.component_type()));
        sync::write(&self.cells).push(cell.clone());
        let runner = runner::run(
            Arc::new(check),
            cell,
            self.config.subscribe(),
            self.emitter.clone(),
        );
        sync::lock(&self.runners).waiting.push(Box::pin(runner));
        self.start_checks();
    }

    /// Starts the checks that were registered outside a runtime, if there is one now.
    pub(super) fn start_checks(&self) {
        let Ok(runtime) = runtime::Handle::try_current() else {
            return;
        };
        let mut runners = sync::lock(&self.runners);
        let Runners { waiting, running } = &mut *runners;
        for runner in waiting.drain(..) {
            running.spawn_on(runner, &runtime);
        }
    }

    pub(super) fn watch(&self, layer: impl Watch + 'static) {
        sync::write(&self.watched).push(Arc::new(layer));
    }

    /// Copies, so that no lock is held while they are asked.
    pub(super) fn watched(&self) -> Vec<Arc<dyn Watch>> {
        sync::read(&self.watched).clone()
    }

    pub(super) fn cells(&self) -> Vec<Arc<Cell>> {
        sync::read(&self.cells).clone()
    }

    pub(super) fn config(&self) -> Arc<HealthConfig> {
        self.config.borrow().clone()
    }

    pub(super) fn update(&self, config: HealthConfig) -> Result<(), ConfigError> {
        config.check()?;
        if config.paths != self.paths {
            return Err(ConfigError::new(
                LAYER,
                "paths",
                "cannot change while requests run: build another layer",
            ));
        }
        self.config.send_modify(|current| {
            // With the lock held: of two updates at once one is in force, and all of it.
            self.lifecycle.reconfigure(config.lifecycle);
            *current = Arc::new(config);
        });
        Ok(())
    }

    pub(super) fn set_maintenance(&self, reason: Option<String>) {
        *sync::write(&self.maintenance) = reason;
    }

    /// Why it is not ready; nothing if it is.
    pub(super) fn obstacles(&self) -> Vec<String> {
        let mut obstacles = Vec::new();
        match self.lifecycle.phase() {
            Phase::Ready => {}
            phase => obstacles.push(phase.as_str().to_owned()),
        }
        let maintenance = sync::read(&self.maintenance);
        obstacles.extend(maintenance.iter().map(|why| format!("maintenance: {why}")));
        drop(maintenance);
        for cell in self.cells() {
            match cell.gates() {
                Some(Standing::Unknown) => {
                    obstacles.push(format!("check {} has no result yet", cell.name));
                }
                Some(_) => obstacles.push(format!("check {} fails", cell.name)),
                None => {}
            }
        }
        obstacles
    }
}
