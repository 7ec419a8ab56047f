//! The arithmetic of RFC 9111, 4.2 and 5.2, written down a second time, in its own words.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use proptest::{option, prelude::*};

use super::{
    CacheConfig,
    entry::{self, Entry},
    state::{Asked, Freshness, Use},
};
use crate::common::{answer::Answer, clock};

/// An answer and the way it took; all times in seconds.
#[derive(Clone, Debug)]
struct Response {
    max_age: Option<u64>,
    s_maxage: Option<u64>,
    /// From its `Date`, or from its arrival if it has none.
    expires_in: Option<i64>,
    /// How long ago its `Date` is; the clocks of others are fast as well.
    date_ago: Option<i64>,
    age_value: Option<u64>,
    response_delay: u64,
    must_revalidate: bool,
    no_cache: bool,
}

#[derive(Clone, Debug)]
struct Request {
    max_age: Option<u64>,
    min_fresh: Option<u64>,
    max_stale: Option<u64>,
    no_cache: bool,
}

fn responses() -> impl Strategy<Value = Response> {
    let lifetimes = (
        option::of(0..120_u64),
        option::of(0..120_u64),
        option::of(-60..120_i64),
    );
    let ages = (option::of(-60..60_i64), option::of(0..60_u64), 0..20_u64);
    (
        lifetimes,
        ages,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(
                (max_age, s_maxage, expires_in),
                (date_ago, age_value, response_delay),
                must_revalidate,
                no_cache,
            )| Response {
                max_age,
                s_maxage,
                expires_in,
                date_ago,
                age_value,
                response_delay,
                must_revalidate,
                no_cache,
            },
        )
}

fn requests() -> impl Strategy<Value = Request> {
    let times = || option::weighted(0.3, 0..100_u64);
    (times(), times(), times(), prop::bool::weighted(0.1)).prop_map(
        |(max_age, min_fresh, max_stale, no_cache)| Request {
            max_age,
            min_fresh,
            max_stale,
            no_cache,
        },
    )
}

fn directives(times: &[(&str, Option<u64>)], words: &[(&str, bool)]) -> HeaderMap {
    let times = times
        .iter()
        .filter_map(|(name, time)| Some(format!("{name}={}", (*time)?)));
    let words = words
        .iter()
        .filter(|(_, said)| *said)
        .map(|(word, _)| (*word).to_owned());
    let value = times.chain(words).collect::<Vec<_>>().join(", ");
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, value.parse().expect("readable"));
    headers
}

impl Request {
    fn headers(&self) -> HeaderMap {
        directives(
            &[
                ("max-age", self.max_age),
                ("min-fresh", self.min_fresh),
                ("max-stale", self.max_stale),
            ],
            &[("no-cache", self.no_cache)],
        )
    }
}

impl Response {
    /// The headers, when it is this second.
    fn headers(&self, now: i64) -> HeaderMap {
        let mut headers = directives(
            &[("max-age", self.max_age), ("s-maxage", self.s_maxage)],
            &[
                ("must-revalidate", self.must_revalidate),
                ("no-cache", self.no_cache),
            ],
        );
        // So that what is stale from the start is kept as well.
        headers.insert(header::ETAG, "\"1\"".parse().expect("readable"));
        let at = |seconds: i64| {
            let moment = UNIX_EPOCH + Duration::from_secs(seconds as u64);
            httpdate::fmt_http_date(moment).parse().expect("readable")
        };
        if let Some(ago) = self.date_ago {
            headers.insert(header::DATE, at(now - ago));
        }
        if let Some(after) = self.expires_in {
            headers.insert(
                header::EXPIRES,
                at(now - self.date_ago.unwrap_or(0) + after),
            );
        }
        if let Some(age) = self.age_value {
            headers.insert(header::AGE, age.into());
        }
        headers
    }

    /// 4.2.1, for a cache that is shared or not.
    fn freshness_lifetime(&self, shared: bool) -> i64 {
        let s_maxage = self.s_maxage.filter(|_| shared).map(|time| time as i64);
        let max_age = self.max_age.map(|time| time as i64);
        s_maxage.or(max_age).or(self.expires_in).unwrap_or(0)
    }

    /// 4.2.3, so long after it came.
    fn current_age(&self, resident_time: u64) -> i64 {
        let apparent_age = self.date_ago.unwrap_or(0).max(0);
        let corrected_age_value = (self.age_value.unwrap_or(0) + self.response_delay) as i64;
        apparent_age.max(corrected_age_value) + resident_time as i64
    }

    /// Whether it may be the answer to `request` though nobody asks (4.2, 5.2.1, 5.2.2).
    fn may_be_given(&self, request: &Request, resident_time: u64, shared: bool) -> bool {
        let (lifetime, age) = (
            self.freshness_lifetime(shared),
            self.current_age(resident_time),
        );
        let within = |most: Option<u64>, value: i64| most.is_none_or(|most| value <= most as i64);
        if self.no_cache
            || request.no_cache
            || !within(request.max_age, age)
            || request.max_age == Some(0)
        {
            return false;
        }
        if lifetime > age {
            return request
                .min_fresh
                .is_none_or(|least| lifetime - age >= least as i64);
        }
        let must_not_be_stale = self.must_revalidate || shared && self.s_maxage.is_some();
        // What has no lifetime is as stale as it is old.
        let stale = age - lifetime.max(0);
        let accepted = request.max_stale.is_some_and(|most| stale <= most as i64);
        !must_not_be_stale && request.min_fresh.is_none() && accepted
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_is_given_without_asking_is_what_the_rfc_allows(
        response in responses(),
        requests in prop::collection::vec((requests(), 0..60_u64), 1..8),
        shared: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let config = if shared { CacheConfig::default() } else { CacheConfig::private() };
        runtime.block_on(async {
            let wall = || clock::wall().duration_since(UNIX_EPOCH).unwrap();
            // To a whole second, as dates are.
            let part = u64::from(wall().subsec_nanos());
            tokio::time::advance(Duration::from_nanos(1_000_000_000 - part)).await;
            let now = wall().as_secs();
            let headers = response.headers(now as i64);
            let arrived = entry::arrived(&headers, response.response_delay);
            let status = StatusCode::OK;
            let kept = Freshness::of(Asked::default(), status, &headers, arrived, &config);
            let freshness = kept.expect("it can be asked about");
            let answer = Arc::new(Answer::new(status, headers, Bytes::new()));
            let entry = Entry::new(answer, freshness, clock::now());
            let mut resident_time = 0;
            for (request, pause) in requests {
                tokio::time::advance(Duration::from_secs(pause)).await;
                resident_time += pause;
                assert_eq!(entry.age() as i64, response.current_age(resident_time));
                let asked = Asked::of(&request.headers(), &config);
                let used = entry.freshness.of_use(entry.age(), asked);
                let given = matches!(used, Use::Fresh(_) | Use::Accepted);
                let may = response.may_be_given(&request, resident_time, shared);
                assert_eq!(given, may, "{used:?}: {request:?} after {resident_time} s");
                if let Use::Fresh(left) = used {
                    let lifetime = response.freshness_lifetime(shared);
                    assert_eq!(left as i64, lifetime - response.current_age(resident_time));
                }
            }
        });
    }
}
