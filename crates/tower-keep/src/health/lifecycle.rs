use std::{fmt, sync::Arc};

use tokio::{sync::watch, time::sleep_until};

use super::{
    InFlight, LifecycleConfig, Phase,
    state::{Course, Step},
    tracker::Tracker,
};
use crate::{
    common::clock,
    observe::{Emitter, EventKind},
};

/// Where this process is on its way from start to end; steers it, too.
///
/// A clone is the same lifecycle. It comes from [`HealthLayer::lifecycle`](super::HealthLayer), and
/// time moves it on without a task: whoever looks or waits sees the phase that is due.
///
/// With the feature `axum`, `HealthLayer::serve` does the whole dance. For another server:
///
/// ```
/// # async fn serve(stop: impl Future<Output = ()>) {}
/// # async fn demo(lifecycle: tower_keep::health::Lifecycle) {
/// lifecycle.ready(); // once the port is open
/// // .. later, when the signal comes:
/// lifecycle.stop();
/// lifecycle.reached(tower_keep::health::Phase::Closing).await; // the drain delay has passed
/// // .. stop accepting, then wait for what runs, at most until the deadline:
/// tokio::select! {
///     () = lifecycle.idle() => println!("all done"),
///     () = lifecycle.reached(tower_keep::health::Phase::Forced) => println!("cut off"),
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Lifecycle(Arc<Shared>);

struct Shared {
    course: watch::Sender<Course>,
    tracker: Tracker,
    emitter: Emitter,
}

impl Lifecycle {
    pub(super) fn new(config: LifecycleConfig, emitter: Emitter) -> Self {
        Self(Arc::new(Shared {
            course: watch::Sender::new(Course::new(config)),
            tracker: Tracker::default(),
            emitter,
        }))
    }

    /// The phase it is in.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.catch_up().phase
    }

    /// The process has started. Later calls, and calls after [`stop`](Self::stop), do nothing.
    pub fn ready(&self) {
        self.step("started", Course::ready);
    }

    /// Begins to stop: drain, close, and at the deadline, force. Later calls do nothing.
    pub fn stop(&self) {
        self.step("told to stop", |course| course.stop(clock::now()));
    }

    /// Skips what is left of the drain and the wait: everything that runs is cut off.
    pub fn force(&self) {
        self.step("told to stop at once", |course| course.force(clock::now()));
    }

    /// Waits until `phase` is reached or passed.
    ///
    /// The future borrows nothing, so it can go into a handler's stream. Dropping it does no harm.
    pub fn reached(&self, phase: Phase) -> impl Future<Output = ()> + Send + use<> {
        let lifecycle = self.clone();
        async move {
            let mut changes = lifecycle.0.course.subscribe();
            loop {
                let course = lifecycle.catch_up();
                if course.phase >= phase {
                    return;
                }
                // A change since `subscribe` is seen at once, so none is missed. There is no error
                // either: the sender lives in `lifecycle`.
                match course.wake_at() {
                    Some(at) => tokio::select! {
                        () = sleep_until(at) => {}
                        _ = changes.changed() => {}
                    },
                    None => {
                        let _ = changes.changed().await;
                    }
                }
            }
        }
    }

    /// Waits until the process is told to stop: [`Draining`](Phase::Draining) is reached.
    ///
    /// For streams that never end by themselves, such as server-sent events. Without it a stream
    /// runs until the deadline cuts it off:
    ///
    /// ```
    /// use axum::body::{Body, Bytes};
    /// use futures_util::{Stream, StreamExt};
    /// use tower_keep::health::Lifecycle;
    ///
    /// fn feed(
    ///     lifecycle: &Lifecycle,
    ///     ticks: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    /// ) -> Body {
    ///     Body::from_stream(ticks.take_until(Box::pin(lifecycle.stopping())))
    /// }
    /// ```
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        self.reached(Phase::Draining)
    }

    /// Waits until the process was told to stop and no call is in flight, bodies included.
    ///
    /// Only calls through the [`HealthLayer`](super::HealthLayer) of this lifecycle are known.
    pub async fn idle(&self) {
        self.0.tracker.idle().await;
    }

    /// How many calls are in flight, bodies included and probes not.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.tracker.in_flight()
    }

    /// How many calls have ended since the process was told to stop.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.0.tracker.finished()
    }

    /// Counts something that no request belongs to, such as a WebSocket or a background job, as in
    /// flight, until it is dropped.
    #[must_use = "it counts until it is dropped"]
    pub fn track(&self) -> InFlight {
        InFlight::new(self.clone())
    }

    #[cfg(feature = "axum")]
    pub(super) fn config(&self) -> LifecycleConfig {
        self.0.course.borrow().config
    }

    /// Since when it stops.
    #[cfg(feature = "axum")]
    pub(super) fn stopped_for(&self) -> std::time::Duration {
        let since = self.0.course.borrow().stopping_since;
        since.map(|since| since.elapsed()).unwrap_or_default()
    }

    pub(super) fn reconfigure(&self, config: LifecycleConfig) {
        // Whoever waits for a phase looks again.
        self.0.course.send_modify(|course| course.config = config);
    }

    pub(super) fn tracker(&self) -> &Tracker {
        &self.0.tracker
    }

    /// Takes the steps that are due.
    fn catch_up(&self) -> Course {
        loop {
            let course = *self.0.course.borrow();
            let now = clock::now();
            if course.wake_at().is_none_or(|at| now < at) {
                return course;
            }
            let reason = match course.phase {
                Phase::Draining => "the drain delay has passed",
                _ => "the deadline has passed",
            };
            self.step(reason, |course| course.tick(now));
        }
    }

    fn step(&self, reason: &str, step: impl FnOnce(&mut Course) -> Option<Step>) {
        let mut taken = None;
        self.0.course.send_if_modified(|course| {
            taken = step(course);
            taken.is_some()
        });
        let Some(Step { from, to }) = taken else {
            return;
        };
        self.0.tracker.follow(to);
        self.0.emitter.emit(EventKind::StateChanged {
            from: from.as_str(),
            to: to.as_str(),
            level: to.level(),
            alarming: to == Phase::Forced,
            reason: reason.to_owned(),
        });
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle")
            .field("phase", &self.phase())
            .field("in_flight", &self.in_flight())
            .finish()
    }
}
