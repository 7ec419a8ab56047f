use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde::Serialize;

use super::{Event, EventKind, Fact, Subscription, record, subscription};
use crate::{
    common::{
        clock,
        name::{Key, Name, Nameplate},
        statics::{AtomicBool, Relaxed, RwLock, read, write},
    },
    config::changes,
    context,
    rejection::{Kind, Rejection},
};

/// Hears what happens in a layer. Closures are observers.
pub trait Observer: Send + Sync {
    /// Something happened.
    ///
    /// Called on the task it happened in, outside any lock of ours. A panic is contained.
    fn on_event(&self, event: &Event);

    /// Whether it wants the events that are made for each call.
    fn wants_calls(&self) -> bool {
        true
    }

    /// Whether it has heard enough; it is forgotten then.
    fn is_done(&self) -> bool {
        false
    }
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}

/// Has `observer` hear every layer of this process, present and future, until the process ends.
///
/// Observers hear what happens from now on. There is no way to take one out again: install what the
/// process needs in `main`, and give a layer its own observer for everything else.
pub fn install(observer: impl Observer + 'static) {
    GLOBAL.add(Arc::new(observer));
}

static GLOBAL: Listeners = Listeners::new();

/// Whether anybody in this process ever wanted an event for each call. A hint, relaxed: it spares the
/// calls of all others three looks for who that is.
static EVER: AtomicBool = AtomicBool::new(false);

/// From now on somebody wants an event for some calls.
pub(super) fn calls_are_wanted() {
    EVER.store(true, Relaxed);
}

/// A list of observers that is read often and changed rarely.
///
/// The flags are hints, so relaxed: they pair with nothing, and a listener that is being added may
/// miss what happens at the same moment. The lock orders everything else.
struct Listeners {
    /// Whether the list has anyone in it.
    any: AtomicBool,
    /// Whether anyone in it wants an event for each call.
    calls: AtomicBool,
    list: RwLock<Vec<Arc<dyn Observer>>>,
}

impl Listeners {
    const fn new() -> Self {
        Self {
            any: AtomicBool::new(false),
            calls: AtomicBool::new(false),
            list: RwLock::new(Vec::new()),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<dyn Observer>>)) {
        let mut list = write(&self.list);
        change(&mut list);
        self.any.store(!list.is_empty(), Relaxed);
        let calls = list.iter().any(|observer| observer.wants_calls());
        self.calls.store(calls, Relaxed);
        if calls {
            calls_are_wanted();
        }
    }

    fn tell(&self, event: &Event) {
        if !self.any.load(Relaxed) {
            return;
        }
        // A copy, so that no lock is held while observers run.
        let observers = read(&self.list).clone();
        for observer in &observers {
            if event.kind.is_per_call() && !observer.wants_calls() {
                continue;
            }
            // An observer's bug must not become the caller's failed request.
            let _ = catch_unwind(AssertUnwindSafe(|| observer.on_event(event)));
        }
        self.forget_done(observers);
    }

    /// Adds one. Those that are done go, or they would pile up in a layer where nothing happens.
    fn add(&self, observer: Arc<dyn Observer>) {
        let observers = read(&self.list).clone();
        self.forget_done(observers);
        self.change(|list| list.push(observer));
    }

    /// Asks them, and drops those that are done, with no lock held.
    fn forget_done(&self, mut observers: Vec<Arc<dyn Observer>>) {
        observers.retain(|observer| observer.is_done());
        if !observers.is_empty() {
            let is_done = |one: &Arc<_>| observers.iter().any(|done| Arc::ptr_eq(one, done));
            self.change(|list| list.retain(|observer| !is_done(observer)));
        }
    }
}

/// A layer's voice: its place in every event, and who listens to it.
#[derive(Clone)]
pub(crate) struct Emitter {
    voice: Arc<Voice>,
    /// Which of the layer's keys speaks, if it has any.
    key: Key,
}

struct Voice {
    layer: &'static str,
    name: Nameplate,
    listeners: Listeners,
}

impl Emitter {
    pub(crate) fn new(layer: &'static str) -> Self {
        Self {
            voice: Arc::new(Voice {
                layer,
                name: Nameplate::default(),
                listeners: Listeners::new(),
            }),
            key: Key::default(),
        }
    }

    /// The same voice for one key: whoever listens to the layer hears it, under the layer's name.
    pub(crate) fn for_key(&self, key: &str) -> Self {
        Self {
            voice: self.voice.clone(),
            key: Key::new(key),
        }
    }

    /// The key that speaks, empty if none does.
    pub(crate) fn key(&self) -> &str {
        self.key.as_str()
    }

    pub(crate) fn layer(&self) -> &'static str {
        self.voice.layer
    }

    #[inline]
    pub(crate) fn name(&self) -> Name {
        self.voice.name.name()
    }

    pub(crate) fn rename(&self, name: impl AsRef<str>) {
        self.voice.name.give(Name::new(name));
    }

    pub(crate) fn observe(&self, observer: impl Observer + 'static) {
        self.voice.listeners.add(Arc::new(observer));
    }

    pub(crate) fn subscribe(&self, capacity: usize) -> Subscription {
        let (observer, subscription) = subscription::channel(capacity);
        self.observe(observer);
        subscription
    }

    /// Whether anybody wants an event for each call, or for this call.
    #[inline]
    pub(crate) fn wants_calls(&self) -> bool {
        EVER.load(Relaxed) && self.wants_this_call()
    }

    fn wants_this_call(&self) -> bool {
        GLOBAL.calls.load(Relaxed)
            || self.voice.listeners.calls.load(Relaxed)
            || record::is_recording()
    }

    /// Whether this call is recorded: whether [`note`](Self::note) does anything.
    #[inline]
    pub(crate) fn notes(&self) -> bool {
        record::is_recording()
    }

    /// Writes down what the layer knows, where the call is recorded.
    #[inline]
    pub(crate) fn note(&self, fact: impl FnOnce() -> Option<Fact>) {
        if record::is_recording()
            && let Some(fact) = fact()
        {
            record::note(&self.event(EventKind::CallNoted { fact }));
        }
    }

    /// Whether anybody listens to this.
    #[inline]
    fn hears(&self, kind: &EventKind) -> bool {
        #[cfg(feature = "tracing")]
        if super::tracing::wants(self.voice.layer, kind) {
            return true;
        }
        let _ = kind;
        GLOBAL.any.load(Relaxed) || self.voice.listeners.any.load(Relaxed) || record::is_recording()
    }

    /// Whether anybody at all may listen.
    #[inline]
    fn is_heard(&self) -> bool {
        #[cfg(feature = "tracing")]
        if super::tracing::is_on() {
            return true;
        }
        GLOBAL.any.load(Relaxed) || self.voice.listeners.any.load(Relaxed) || record::is_recording()
    }

    /// The same as [`emit`](Self::emit), for what is not even made if nobody listens.
    #[inline]
    pub(crate) fn emit_by(&self, kind: impl FnOnce() -> EventKind) {
        if self.is_heard() {
            self.emit(kind());
        }
    }

    /// Tells that a call is turned away, and makes its refusal.
    #[inline]
    pub(crate) fn refuse(&self, kind: Kind) -> Rejection {
        self.emit_by(|| EventKind::CallRejected { kind: kind.clone() });
        Rejection::new(kind, self.layer(), self.name())
    }

    /// Tells everybody. Never call it with a lock held.
    #[inline]
    pub(crate) fn emit(&self, kind: EventKind) {
        if self.hears(&kind) {
            self.tell(kind);
        }
    }

    /// Tells that a configuration has changed, and what of it.
    pub(crate) fn updated<C: Serialize>(&self, old: &C, new: &C) {
        self.emit(EventKind::ConfigUpdated {
            changes: changes(old, new),
        });
    }

    #[cold]
    fn tell(&self, kind: EventKind) {
        let event = self.event(kind);
        record::note(&event);
        #[cfg(feature = "tracing")]
        super::tracing::tell(&event);
        self.voice.listeners.tell(&event);
        GLOBAL.tell(&event);
    }

    fn event(&self, kind: EventKind) -> Event {
        // A call that is explained is over, and so is its context.
        let explained = match &kind {
            EventKind::CallExplained { decision } => decision.correlation_id(),
            _ => None,
        };
        Event {
            layer: self.voice.layer,
            name: self.name(),
            key: self.key.clone(),
            at: clock::now(),
            correlation_id: explained.or_else(context::correlation_id),
            kind,
        }
    }
}

impl std::fmt::Debug for Emitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emitter")
            .field("layer", &self.voice.layer)
            .field("name", &self.name())
            .field("key", &self.key)
            .finish()
    }
}
