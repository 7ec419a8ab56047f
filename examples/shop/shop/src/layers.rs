//! What the layers around orders do: told as it happens, and counted.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use shop_kit::{
    notices::Notices,
    stack::{ClientHandles, ServerHandles},
};
use tokio::{task::JoinSet, time::Instant};
use tower_keep::{
    observe::{Event, EventKind, Subscription},
    rejection::Kind,
};

use crate::system::System;

/// Hears the layers in front of all peers and those that customers meet, until it is dropped.
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
    /// What the adaptive limit was, and what it came to.
    limits: Vec<usize>,
    /// Kinds of events that were told already: of those with many, only the first is.
    told: BTreeSet<&'static str>,
}

/// How many events may wait until they are heard; one for each call that is turned away.
const EVENTS: usize = 4096;

impl Layers {
    pub(crate) fn watch(system: &System, notices: &Notices) -> Self {
        let mut listening = JoinSet::new();
        let mut heard = Vec::new();
        for peer in &system.peers {
            let one = Heard {
                peer: peer.clone(),
                memory: Arc::default(),
            };
            for events in [
                peer.fallback.subscribe(EVENTS),
                peer.retry.subscribe(EVENTS),
                peer.hedge.subscribe(EVENTS),
                peer.breaker.subscribe(EVENTS),
                peer.adaptive.subscribe(EVENTS),
                peer.bulkhead.subscribe(EVENTS),
            ] {
                listening.spawn(one.clone().listen(events, notices.clone()));
            }
            heard.push(one);
        }
        let ServerHandles {
            rate_limit,
            shed,
            detach,
            ..
        } = &system.edge;
        for (events, what) in [
            (rate_limit.shared().subscribe(EVENTS), RATE_LIMIT),
            (shed.subscribe(EVENTS), SHED),
            (detach.subscribe(EVENTS), DETACH),
        ] {
            listening.spawn(tell_first(events, what, notices.clone()));
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

const RATE_LIMIT: &str = "one visitor wants too much, and is told to come back";
const SHED: &str = "more comes than can be done; who only looks around is turned away first";
const DETACH: &str = "a customer has gone; the order is placed all the same";

/// Tells of the first time that one of these layers does what it is for.
async fn tell_first(mut events: Subscription, what: &str, notices: Notices) {
    while let Some(event) = events.next().await {
        match event.kind {
            EventKind::CallRejected { kind } => notices.say(format!("customers: {kind}: {what}")),
            EventKind::CallDetached => notices.say(format!("customers: {what}")),
            _ => continue,
        }
        return;
    }
}

/// Who calls this peer.
pub(crate) fn caller(peer: &str) -> &'static str {
    match peer {
        "cards" => "payments",
        _ => "orders",
    }
}

impl Heard {
    /// What the adaptive limit was, one after the other; empty if it never moved.
    pub(crate) fn limits(&self) -> Vec<usize> {
        self.lock().limits.clone()
    }

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
                let caller = caller(self.peer.name);
                notices.say(format!("{caller} -> {}: {line}", self.peer.name));
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
            EventKind::AttemptScheduled { attempt, after } if event.layer == "retry" => {
                let first = memory.told.insert("retry");
                first.then(|| format!("a call failed; attempt {attempt} in {after:.0?}"))
            }
            EventKind::AttemptWon { .. } if event.layer == "hedge" => {
                let first = memory.told.insert("hedge");
                first.then(|| {
                    "a read was late and asked for twice; the second was faster".to_owned()
                })
            }
            EventKind::FallbackAnswered { cause } => {
                let first = memory.told.insert("fallback");
                first.then(|| format!("no answer ({cause}); pages show what there was before"))
            }
            EventKind::LimitChanged { from, to, reason } => {
                if memory.limits.is_empty() {
                    memory.limits.push(*from);
                }
                memory.limits.push(*to);
                let first = memory.told.insert(reason);
                first.then(|| format!("limit {from} -> {to} ({reason})"))
            }
            _ => None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
