use std::{fmt, sync::Arc};

use super::{
    Breaker, CircuitBreakerConfig, CircuitBreakerSnapshot, front::Front, mode::Mode, saved::Saved,
};
use crate::{
    config::{ConfigError, steerable},
    observe::{Subscription, Vitals, Watch},
};

/// Looks at a breaker and steers it while it runs.
///
/// Cheap to clone; works whether or not the layer is still there. What it steers takes effect with
/// the next call, on every service that shares the breaker.
#[derive(Clone)]
pub struct CircuitBreakerHandle {
    pub(super) front: Arc<Front>,
}

impl CircuitBreakerHandle {
    /// The breaker at this moment.
    #[must_use]
    pub fn snapshot(&self) -> CircuitBreakerSnapshot {
        CircuitBreakerSnapshot::of(&self.front.core)
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> CircuitBreakerConfig {
        self.front.core.look(|machine, _| machine.config().clone())
    }

    /// Gives it another configuration. Its state stays, with the time that it is open for and the
    /// number of probes that it waits for; so does what it has counted, unless the window has
    /// another shape.
    ///
    /// # Errors
    /// If the configuration cannot work; then nothing has changed.
    pub fn update(&self, config: CircuitBreakerConfig) -> Result<(), ConfigError> {
        self.front.core.update(config)
    }

    /// Turns every call away until told otherwise.
    pub fn force_open(&self) {
        self.front.core.set_mode(Mode::ForcedOpen);
    }

    /// Lets every call through and counts, until told otherwise.
    pub fn force_closed(&self) {
        self.front.core.set_mode(Mode::ForcedClosed);
    }

    /// Lets every call through and does not even count, until told otherwise.
    pub fn disable(&self) {
        self.front.core.set_mode(Mode::Disabled);
    }

    /// Says what it would do, and turns nothing away, until told otherwise: to try a configuration
    /// on real traffic.
    pub fn observe_only(&self) {
        self.front.core.set_mode(Mode::ObserveOnly);
    }

    /// Lets the breaker decide again. It begins closed and with nothing counted, unless it was only
    /// observing or forced closed: then it goes on with what it has seen.
    pub fn auto(&self) {
        self.front.core.set_mode(Mode::Auto);
    }

    /// Closes it and forgets what it has seen. Calls that are running do not count any more. The
    /// mode stays.
    pub fn reset(&self) {
        self.front.core.reset();
    }

    /// Events of this breaker through a channel that holds up to `capacity` of them.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.front.core.emitter.subscribe(capacity)
    }

    /// The breaker, to guard more with it.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        Breaker {
            front: self.front.clone(),
        }
    }
}

impl Watch for CircuitBreakerHandle {
    fn vitals(&self) -> Vitals {
        self.snapshot().vitals(&self.front.core)
    }
}

steerable!(
    CircuitBreakerHandle, CircuitBreakerConfig, |handle| &handle.front.core.emitter,
    alternatives: ["window"],
    actions: {
        "auto" => |handle| handle.auto(),
        "disable" => |handle| handle.disable(),
        "force_closed" => |handle| handle.force_closed(),
        "force_open" => |handle| handle.force_open(),
        "observe_only" => |handle| handle.observe_only(),
        "reset" => |handle| handle.reset(),
    },
    saves: Saved
);

impl fmt::Debug for CircuitBreakerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerHandle")
            .field("breaker", &self.front.core)
            .finish()
    }
}
