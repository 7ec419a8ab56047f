//! What may be kept and for how long it is good (RFC 9111, RFC 5861). Times are in seconds.

use http::{HeaderMap, Method, StatusCode, header};

use super::{CacheConfig, Mode};
use crate::common::directives::{self, Directives};

/// How long an answer is good, counted from when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Freshness {
    pub(super) lifetime: u64,
    /// How old it was when it came in.
    pub(super) initial_age: u64,
    /// For how long after its lifetime it may be given while somebody asks.
    pub(super) while_revalidating: u64,
    /// For how long after its lifetime it may be given if the service fails.
    pub(super) if_error: u64,
    /// Must never be given stale.
    pub(super) must_revalidate: bool,
    /// Must be asked about each time.
    pub(super) no_cache: bool,
    /// Whether calls with credentials may have it.
    pub(super) for_anybody: bool,
}

/// What a request says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) says: Directives,
    /// Whether it carries credentials that a shared cache minds.
    pub(super) personal: bool,
}

/// What is known about an answer's age when it comes in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrived {
    /// How long ago its `Date` is.
    pub(super) apparent_age: u64,
    /// How long the call took.
    pub(super) delay: u64,
    /// From `Date` to `Expires`, if it has both; 0 for an `Expires` that makes no sense.
    pub(super) expires_in: Option<u64>,
}

/// What to do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is good, for so long.
    Fresh(u64),
    /// The caller takes it as it is.
    Accepted,
    /// One asks, the others take it.
    WhileRevalidating,
    /// Ask first.
    Revalidate,
    /// Not for this call.
    Never,
}

impl Asked {
    pub(super) fn of(headers: &HeaderMap, config: &CacheConfig) -> Self {
        let shared = config.mode == Mode::Shared;
        let says = if config.heed_requests {
            Directives::of(headers, shared)
        } else {
            Directives::default()
        };
        let carries = |name| headers.contains_key(name);
        let personal = shared && (carries(header::AUTHORIZATION) || carries(header::COOKIE));
        Self { says, personal }
    }
}

impl Freshness {
    /// Of an answer to a `GET` that may be kept; `None` if it may not, or if there is no use in it.
    pub(super) fn of(
        asked: Asked,
        status: StatusCode,
        headers: &HeaderMap,
        arrived: Arrived,
        config: &CacheConfig,
    ) -> Option<Self> {
        let shared = config.mode == Mode::Shared;
        let says = Directives::of(headers, shared);
        let for_anybody = says.public || says.s_maxage.is_some();
        let forbidden = says.no_store
            || asked.says.no_store
            || status.is_informational()
            || matches!(
                status,
                StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
            )
            || directives::vary(headers).is_none()
            || shared
                && (says.private
                    || headers.contains_key(header::SET_COOKIE)
                    || asked.personal && !for_anybody);
        if forbidden {
            return None;
        }
        let said = says
            .s_maxage
            .filter(|_| shared)
            .or(says.max_age)
            .or(arrived.expires_in);
        let cacheable = is_cacheable(status);
        if said.is_none() && !cacheable {
            return None;
        }
        let default = || config.default_ttl.map_or(0, |ttl| ttl.as_secs());
        let or = |said: Option<u64>, default: Option<std::time::Duration>| {
            said.unwrap_or_else(|| default.map_or(0, |time| time.as_secs()))
        };
        let freshness = Self {
            lifetime: said.unwrap_or_else(default),
            initial_age: arrived.apparent_age.max(age_of(headers) + arrived.delay),
            while_revalidating: or(says.stale_while_revalidate, config.stale_while_revalidate),
            if_error: or(says.stale_if_error, config.stale_if_error),
            // RFC 9111, 5.2.2.10: `s-maxage` means that too, unless the same answer allows for more.
            must_revalidate: says.must_revalidate
                || shared
                    && says.s_maxage.is_some()
                    && says.stale_while_revalidate.is_none()
                    && says.stale_if_error.is_none(),
            no_cache: says.no_cache,
            for_anybody,
        };
        let has_validator =
            headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED);
        let is_of_use = freshness.lifetime > freshness.initial_age && !freshness.no_cache
            || has_validator
            || freshness.if_error > 0;
        is_of_use.then_some(freshness)
    }

    /// What a call does with an entry of this age.
    pub(super) fn of_use(&self, age: u64, asked: Asked) -> Use {
        if asked.personal && !self.for_anybody {
            return Use::Never;
        }
        let says = asked.says;
        if self.no_cache || says.no_cache || says.max_age.is_some_and(|max| age > max || max == 0) {
            return Use::Revalidate;
        }
        match self.lifetime.checked_sub(age).filter(|left| *left > 0) {
            Some(left) if left < says.min_fresh.unwrap_or(0) => Use::Revalidate,
            Some(left) => Use::Fresh(left),
            None if self.must_revalidate || says.min_fresh.is_some() => Use::Revalidate,
            None => {
                let stale = age - self.lifetime;
                if says.max_stale.is_some_and(|max| stale <= max) {
                    Use::Accepted
                } else if stale < self.while_revalidating {
                    Use::WhileRevalidating
                } else {
                    Use::Revalidate
                }
            }
        }
    }

    /// Whether an entry of this age may be given because the service failed.
    pub(super) fn survives_error(&self, age: u64, asked: Asked) -> bool {
        let allowed = asked
            .says
            .stale_if_error
            .map_or(self.if_error, |said| said.min(self.if_error));
        !self.must_revalidate
            && !self.no_cache
            && !asked.says.no_cache
            && age < self.lifetime.saturating_add(allowed)
    }
}

/// Which statuses may be kept although nothing says so (RFC 9110, 15.1).
fn is_cacheable(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// Which answers say that the service failed, so that a stale one is better (RFC 5861, 4).
pub(super) fn is_error(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Which calls change something, so that what is kept of their target goes (RFC 9111, 4.4).
pub(super) fn invalidates(method: &Method) -> bool {
    !method.is_safe()
}

fn age_of(headers: &HeaderMap) -> u64 {
    headers
        .get(header::AGE)
        .and_then(|age| age.to_str().ok()?.parse().ok())
        .unwrap_or(0)
        .min(1 << 31)
}
