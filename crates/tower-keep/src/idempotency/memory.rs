use std::{
    collections::{HashMap, VecDeque},
    fmt,
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use pin_project::pin_project;
use tokio::time::Sleep;

use super::{Begun, Id, Store, StoredAnswer};
use crate::{
    BoxError,
    common::{
        clock::{self, Instant},
        notify::{Notify, OwnedNotified},
        sync::{self, Mutex},
    },
};

/// Keeps answers in the memory of this process, up to a number of bytes; the oldest go first.
///
/// One short lock for each request with a key.
#[derive(Clone)]
pub struct MemoryStore(Arc<Mutex<Shelf>>);

struct Shelf {
    max_bytes: usize,
    bytes: usize,
    entries: HashMap<Id, Entry>,
    /// The ids of what is kept, oldest first, each with the number of its entry.
    kept: VecDeque<(Id, u64)>,
    next: u64,
}

enum Entry {
    Running {
        number: u64,
        done: Arc<Notify>,
    },
    Kept {
        number: u64,
        answer: Option<StoredAnswer>,
        until: Instant,
    },
}

/// What an entry takes beside its answer.
const ENTRY_BYTES: usize = 256;

impl MemoryStore {
    /// A store for so many bytes of answers, keys included.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(Shelf {
            max_bytes,
            bytes: 0,
            entries: HashMap::new(),
            kept: VecDeque::new(),
            next: 0,
        })))
    }

    /// How many keys there are, those of running requests included.
    #[must_use]
    pub fn len(&self) -> usize {
        sync::lock(&self.0).entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes of memory they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        sync::lock(&self.0).bytes
    }
}

impl Default for MemoryStore {
    /// 64 MiB.
    fn default() -> Self {
        Self::new(64 * 1024 * 1024)
    }
}

impl Shelf {
    /// What is under an id now, or a notice for when that changes.
    fn look(&mut self, id: Id) -> Result<Begun<u64>, Arc<Notify>> {
        let now = clock::now();
        self.forget(|_, until| until <= now);
        // One behind another that is kept for longer, since before an update.
        if let Some(Entry::Kept { answer, until, .. }) = self.entries.get(&id)
            && *until <= now
        {
            self.bytes -= weight(answer.as_ref());
            self.entries.remove(&id);
        }
        match self.entries.get(&id) {
            Some(Entry::Running { done, .. }) => return Err(done.clone()),
            Some(Entry::Kept { answer, .. }) => {
                return Ok(match answer {
                    Some(answer) => Begun::Answered(answer.clone()),
                    None => Begun::Executed,
                });
            }
            None => {}
        }
        // What is kept makes room for what runs, never the other way round.
        self.make_room(ENTRY_BYTES);
        if self.bytes + ENTRY_BYTES > self.max_bytes {
            return Ok(Begun::Full);
        }
        let number = self.next;
        self.next += 1;
        self.bytes += ENTRY_BYTES;
        let done = Arc::new(Notify::new());
        self.entries.insert(id, Entry::Running { number, done });
        Ok(Begun::Fresh(number))
    }

    /// Ends a running entry, and keeps what came of it if there is something.
    fn end(&mut self, id: Id, number: u64, kept: Option<(Option<StoredAnswer>, Duration)>) {
        let Some(Entry::Running {
            number: running,
            done,
        }) = self.entries.get(&id)
        else {
            return;
        };
        if *running != number {
            return;
        }
        let done = done.clone();
        self.entries.remove(&id);
        self.bytes -= ENTRY_BYTES;
        if let Some((answer, keep_for)) = kept {
            let weight = weight(answer.as_ref());
            self.make_room(weight);
            // One that does not fit at all is known to have been executed all the same.
            let answer = answer.filter(|_| self.bytes + weight <= self.max_bytes);
            self.bytes += self::weight(answer.as_ref());
            let until = clock::now() + keep_for;
            let entry = Entry::Kept {
                number,
                answer,
                until,
            };
            self.entries.insert(id, entry);
            self.kept.push_back((id, number));
        }
        done.notify_waiters();
    }

    /// Lets the oldest go until there is room for `bytes` more.
    fn make_room(&mut self, bytes: usize) {
        while self.bytes + bytes > self.max_bytes && !self.kept.is_empty() {
            let mut first = true;
            self.forget(|_, _| std::mem::take(&mut first));
        }
    }

    /// Lets the oldest go for as long as `is_over` says so of them.
    fn forget(&mut self, mut is_over: impl FnMut(&Id, Instant) -> bool) {
        while let Some((id, number)) = self.kept.front() {
            match self.entries.get(id) {
                Some(Entry::Kept {
                    number: kept,
                    answer,
                    until,
                }) if kept == number => {
                    if !is_over(id, *until) {
                        return;
                    }
                    self.bytes -= weight(answer.as_ref());
                    self.entries.remove(id);
                }
                _ => {}
            }
            self.kept.pop_front();
        }
    }
}

fn weight(answer: Option<&StoredAnswer>) -> usize {
    ENTRY_BYTES + answer.map_or(0, StoredAnswer::weight)
}

impl Store for MemoryStore {
    type Ticket = MemoryTicket;
    type Begin = MemoryBegin;
    type Finish = Ready<Result<(), BoxError>>;

    fn begin(&self, id: Id, max_wait: Duration) -> MemoryBegin {
        MemoryBegin {
            store: self.clone(),
            id,
            max_wait,
            done: None,
            timer: None,
        }
    }

    fn finish(
        &self,
        mut ticket: MemoryTicket,
        answer: Option<StoredAnswer>,
        keep_for: Duration,
    ) -> Self::Finish {
        ticket.end(Some((answer, keep_for)));
        ready(Ok(()))
    }
}

/// The right to execute, in a [`MemoryStore`].
#[derive(Debug)]
pub struct MemoryTicket {
    store: MemoryStore,
    id: Id,
    number: Option<u64>,
}

impl MemoryTicket {
    fn end(&mut self, kept: Option<(Option<StoredAnswer>, Duration)>) {
        if let Some(number) = self.number.take() {
            sync::lock(&self.store.0).end(self.id, number, kept);
        }
    }
}

impl Drop for MemoryTicket {
    fn drop(&mut self) {
        self.end(None);
    }
}

/// [`Store::begin`] of a [`MemoryStore`].
#[pin_project]
pub struct MemoryBegin {
    store: MemoryStore,
    id: Id,
    max_wait: Duration,
    #[pin]
    done: Option<OwnedNotified>,
    #[pin]
    timer: Option<Sleep>,
}

impl Future for MemoryBegin {
    type Output = Result<Begun<MemoryTicket>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let Some(done) = this.done.as_mut().as_pin_mut()
                && done.poll(cx).is_pending()
            {
                if this.timer.is_none() {
                    this.timer.set(Some(tokio::time::sleep(*this.max_wait)));
                }
                let timer = this.timer.as_mut().as_pin_mut().expect("it was just set");
                return timer.poll(cx).map(|()| Ok(Begun::Running));
            }
            // Asked for under the lock, so that no end in between is missed.
            let found = {
                let mut shelf = sync::lock(&this.store.0);
                shelf.look(*this.id).map_err(Notify::notified_owned)
            };
            let begun = match found {
                Err(done) => {
                    this.done.set(Some(done));
                    continue;
                }
                Ok(Begun::Fresh(number)) => Begun::Fresh(MemoryTicket {
                    store: this.store.clone(),
                    id: *this.id,
                    number: Some(number),
                }),
                Ok(Begun::Running) => Begun::Running,
                Ok(Begun::Answered(answer)) => Begun::Answered(answer),
                Ok(Begun::Executed) => Begun::Executed,
                Ok(Begun::Full) => Begun::Full,
            };
            return Poll::Ready(Ok(begun));
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shelf = sync::lock(&self.0);
        f.debug_struct("MemoryStore")
            .field("keys", &shelf.entries.len())
            .field("bytes", &shelf.bytes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryBegin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBegin").finish_non_exhaustive()
    }
}
