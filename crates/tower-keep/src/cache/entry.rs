use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    CacheConfig,
    state::{Arrived, Asked, Freshness},
};
use crate::common::{
    answer::{Answer, end_to_end},
    atomic::{Acquire, AtomicBool, Release},
    clock::{self, Instant},
};

/// An answer that is kept.
pub(super) struct Entry {
    pub(super) answer: Arc<Answer>,
    pub(super) freshness: Freshness,
    /// When it came in.
    since: Instant,
    pub(super) weight: usize,
    /// Whether somebody asks whether it is still good. Guards nothing but that there is one.
    refreshing: AtomicBool,
}

impl Entry {
    pub(super) fn new(answer: Arc<Answer>, freshness: Freshness, since: Instant) -> Self {
        Self {
            weight: answer.weight(),
            answer,
            freshness,
            since,
            refreshing: AtomicBool::new(false),
        }
    }

    /// How old it is, in seconds.
    pub(super) fn age(&self) -> u64 {
        let here = clock::now().saturating_duration_since(self.since);
        self.freshness.initial_age.saturating_add(here.as_secs())
    }

    /// The headers it is given with.
    pub(super) fn headers(&self, age: u64) -> HeaderMap {
        let mut headers = self.answer.headers.clone();
        headers.insert(header::AGE, HeaderValue::from(age));
        headers
    }

    /// Asks in `headers` whether it is still good; `false` if there is nothing to ask with.
    pub(super) fn ask(&self, headers: &mut HeaderMap) -> bool {
        let kept = &self.answer.headers;
        let questions = [
            (header::IF_NONE_MATCH, kept.get(header::ETAG)),
            (header::IF_MODIFIED_SINCE, kept.get(header::LAST_MODIFIED)),
        ];
        if questions.iter().all(|(_, validator)| validator.is_none()) {
            return false;
        }
        for (question, validator) in questions {
            match validator {
                // A map that is full of the caller's headers goes without.
                Some(validator) => drop(headers.try_insert(question, validator.clone())),
                None => drop(headers.remove(question)),
            }
        }
        true
    }

    /// The entry that a 304 makes of it (RFC 9111, 3.2), if that may be kept; and the answer in any case.
    pub(super) fn freshened(
        &self,
        news: &HeaderMap,
        asked: Asked,
        delay: u64,
        config: &CacheConfig,
    ) -> (Arc<Answer>, Option<Self>) {
        let mut answer = Answer::clone(&self.answer);
        let mut news = news.clone();
        end_to_end(&mut news);
        for name in news.keys().filter(|name| !KEPT.contains(name)) {
            answer.headers.remove(name);
            for value in news.get_all(name) {
                answer.headers.append(name, value.clone());
            }
        }
        // An age that the 304 does not say is none.
        if !news.contains_key(header::AGE) {
            answer.headers.remove(header::AGE);
        }
        let answer = Arc::new(answer);
        let arrived = arrived(&answer.headers, delay);
        let freshness = Freshness::of(asked, answer.status, &answer.headers, arrived, config);
        let entry = freshness.map(|freshness| Self::new(answer.clone(), freshness, clock::now()));
        (answer, entry)
    }

    /// The right to ask, if nobody does.
    pub(super) fn refresh(self: &Arc<Self>) -> Option<Refresh> {
        // Pairs with the release in `Refresh::drop`, so that whoever asks next sees what came of it.
        let was_free = !self.refreshing.swap(true, Acquire);
        was_free.then(|| Refresh(self.clone()))
    }
}

/// The right to ask whether an entry is still good; given back on drop.
pub(super) struct Refresh(Arc<Entry>);

impl Drop for Refresh {
    fn drop(&mut self) {
        self.0.refreshing.store(false, Release);
    }
}

/// Fields that describe the body that is kept: a 304 does not change them.
const KEPT: [HeaderName; 5] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::CONTENT_RANGE,
    header::TRAILER,
];

/// What the dates of an answer say that came in just now.
pub(super) fn arrived(headers: &HeaderMap, delay: u64) -> Arrived {
    let date = |name| {
        let value: &HeaderValue = headers.get(name)?;
        Some(
            value
                .to_str()
                .ok()
                .and_then(|text| httpdate::parse_http_date(text).ok()),
        )
    };
    let now = clock::wall();
    let made = date(header::DATE).flatten();
    let since = |later: std::time::Duration| later.as_secs();
    Arrived {
        apparent_age: made.map_or(0, |made| now.duration_since(made).map_or(0, since)),
        delay,
        expires_in: date(header::EXPIRES).map(|expires| {
            let from = made.unwrap_or(now);
            expires.map_or(0, |at| at.duration_since(from).map_or(0, since))
        }),
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("answer", &self.answer)
            .field("freshness", &self.freshness)
            .finish_non_exhaustive()
    }
}
