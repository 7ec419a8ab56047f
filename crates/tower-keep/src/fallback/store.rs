use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderValue, header};

use super::{FallbackConfig, KeptAnswer, state};
use crate::common::{
    answer::Answer,
    clock::{self, Instant},
    sync::{self, Mutex},
};

/// The last good answers, those asked for last first to stay.
#[derive(Default)]
pub(super) struct Store(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    answers: HashMap<Vec<u8>, Entry>,
    /// Keys by when they were last put in or given out.
    order: BTreeMap<u64, Vec<u8>>,
    next: u64,
    bytes: usize,
}

struct Entry {
    answer: Arc<Answer>,
    at: Instant,
    order: u64,
    weight: usize,
}

impl Store {
    pub(super) fn put(&self, key: Vec<u8>, answer: Answer, config: &FallbackConfig) {
        let answer = answer.compact();
        let weight = answer.weight() + 2 * key.len();
        if weight > config.max_bytes || config.max_answers == 0 {
            return;
        }
        let entry = Entry {
            answer: Arc::new(answer),
            at: clock::now(),
            order: 0,
            weight,
        };
        let mut gone = Vec::new();
        let mut shelf = sync::lock(&self.0);
        gone.extend(shelf.take(&key));
        shelf.insert(key, entry);
        while shelf.bytes > config.max_bytes || shelf.answers.len() > config.max_answers {
            let Some((_, oldest)) = shelf.order.pop_first() else {
                break;
            };
            gone.extend(shelf.take(&oldest));
        }
        drop(shelf);
    }

    /// The answer and the headers it is given again with, unless it is too old.
    pub(super) fn get(&self, key: &[u8], max_age: Duration) -> Option<KeptAnswer> {
        let mut shelf = sync::lock(&self.0);
        let mut entry = shelf.take(key)?;
        let age = clock::now().saturating_duration_since(entry.at) + before(&entry.answer.headers);
        let (until, fresh) = state::lifetime(&entry.answer.headers, max_age);
        if age > until {
            drop(shelf);
            return None;
        }
        let answer = entry.answer.clone();
        entry.order = 0;
        shelf.insert(key.to_owned(), entry);
        drop(shelf);
        let mut headers = answer.headers.clone();
        headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
        let status = match fresh {
            Some(fresh) => format!(
                "tower-keep; hit; ttl={}; detail=stale-if-error",
                fresh.as_secs() as i64 - age.as_secs() as i64
            ),
            None => "tower-keep; hit; detail=stale-if-error".to_owned(),
        };
        if let Ok(status) = HeaderValue::try_from(status) {
            headers.append("cache-status", status);
        }
        Some(KeptAnswer { answer, headers })
    }

    /// How many answers there are, and how many bytes they take.
    pub(super) fn size(&self) -> (usize, usize) {
        let shelf = sync::lock(&self.0);
        (shelf.answers.len(), shelf.bytes)
    }

    pub(super) fn clear(&self) {
        let gone = std::mem::take(&mut *sync::lock(&self.0));
        drop(gone);
    }
}

impl Shelf {
    fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let entry = self.answers.remove(key)?;
        self.order.remove(&entry.order);
        self.bytes -= entry.weight;
        Some(entry)
    }

    fn insert(&mut self, key: Vec<u8>, mut entry: Entry) {
        self.next += 1;
        entry.order = self.next;
        self.bytes += entry.weight;
        self.order.insert(entry.order, key.clone());
        self.answers.insert(key, entry);
    }
}

/// How old an answer was when it came.
fn before(headers: &HeaderMap) -> Duration {
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok());
    let age = age.and_then(|age| age.parse().ok()).unwrap_or(0);
    Duration::from_secs(state::FOREVER.min(age))
}
