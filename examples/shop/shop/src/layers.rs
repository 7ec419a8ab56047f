//! What the layers between orders and its peers do: told as it happens, and counted.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use shop_kit::{notices::Notices, stack::ClientHandles};
use tokio::{task::JoinSet, time::Instant};
use tower_keep::{
    observe::{Event, EventKind, Subscription},
    rejection::Kind,
};

/// Hears the layers in front of all peers, until it is dropped.
#[derive(Debug)]
pub(crate) struct Layers {
    heard: Vec<Heard>,
    _listening: JoinSet<()>,
}

/// What was heard of the layers in front of one peer. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) peer: ClientHandles,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    /// When the circuit came into which state.
    circuit: Vec<(Instant, &'static str)>,
    /// How many calls the open circuit turned away.
    refused: usize,
    /// Kinds of events that were told already: of those with many, only the first is.
    told: BTreeSet<&'static str>,
}

/// How many events may wait until they are heard; one for each call that is turned away.
const EVENTS: usize = 4096;

impl Layers {
    pub(crate) fn watch(peers: &[ClientHandles], notices: &Notices) -> Self {
        let mut listening = JoinSet::new();
        let mut heard = Vec::new();
        for peer in peers {
            let one = Heard {
                peer: peer.clone(),
                memory: Arc::default(),
            };
            for events in [
                peer.breaker.subscribe(EVENTS),
                peer.retry.subscribe(EVENTS),
                peer.bulkhead.subscribe(EVENTS),
            ] {
                listening.spawn(one.clone().listen(events, notices.clone()));
            }
            heard.push(one);
        }
        Self {
            heard,
            _listening: listening,
        }
    }

    /// By peer.
    pub(crate) fn heard(&self) -> &[Heard] {
        &self.heard
    }
}

impl Heard {
    /// How many calls were turned away by the open circuit.
    pub(crate) fn refused(&self) -> usize {
        self.lock().refused
    }

    /// When the circuit came into `state` for the first time after this moment.
    pub(crate) fn first(&self, state: &str, after: Instant) -> Option<Instant> {
        let memory = self.lock();
        let mut changes = memory.circuit.iter();
        changes
            .find(|(at, to)| *at >= after && *to == state)
            .map(|(at, _)| *at)
    }

    async fn listen(self, mut events: Subscription, notices: Notices) {
        while let Some(event) = events.next().await {
            if let Some(line) = self.hear(&event) {
                notices.say(format!("orders -> {}: {line}", self.peer.name));
            }
        }
    }

    /// Remembers an event; answers what to tell of it.
    fn hear(&self, event: &Event) -> Option<String> {
        let mut memory = self.lock();
        match &event.kind {
            EventKind::StateChanged {
                from, to, reason, ..
            } => {
                memory.circuit.push((event.at, to));
                Some(format!("circuit {from} -> {to} ({reason})"))
            }
            EventKind::CallRejected { kind } => {
                if *kind == Kind::CircuitOpen {
                    memory.refused += 1;
                }
                let first = memory.told.insert(kind.as_str());
                first.then(|| format!("not called: {kind}; the order waits, its customer does not"))
            }
            EventKind::AttemptScheduled { attempt, after } => {
                let first = memory.told.insert("retry");
                first.then(|| format!("a call failed; attempt {attempt} in {after:.0?}"))
            }
            _ => None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
