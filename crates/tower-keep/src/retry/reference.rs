//! When attempts are made, against a plain loop that says when they should be.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use proptest::{option, prelude::*};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

use super::{BudgetConfig, RetryConfig, RetryLayer};
use crate::{
    backoff::{Backoff, Jitter},
    common::{
        clock,
        sync::{self, Mutex},
    },
    context::Deadline,
};

#[derive(Clone, Copy, Debug)]
enum Answer {
    Good,
    /// Not to be tried again.
    Missing,
    /// To be tried again, after so many seconds if it says so.
    Busy(Option<u64>),
}

/// A call: what is answered to each attempt and how many milliseconds that takes, and how many it has.
#[derive(Clone, Debug)]
struct Call {
    answers: Vec<(Answer, u64)>,
    deadline: Option<u64>,
}

fn calls() -> impl Strategy<Value = Vec<(RetryConfig, Call)>> {
    let answer = prop_oneof![
        1 => Just(Answer::Good),
        1 => Just(Answer::Missing),
        6 => option::weighted(0.3, 0..12_u64).prop_map(Answer::Busy),
    ];
    let answers = prop::collection::vec((answer, 0..50_u64), 8);
    let call = (answers, option::of(1..20_000_u64));
    let call = call.prop_map(|(answers, deadline)| Call { answers, deadline });
    let backoff = (1..300_u64, 0..2000_u64, 1..4_u8).prop_map(|(base, more, factor)| Backoff {
        base: Duration::from_millis(base),
        factor: f64::from(factor),
        max: Duration::from_millis(base + more),
        jitter: Jitter::None,
    });
    let config = (backoff, 1..9_u32, 1..10_u64, prop::bool::weighted(0.9));
    let config = config.prop_map(|(backoff, max_attempts, most, enabled)| RetryConfig {
        enabled,
        backoff,
        max_attempts,
        max_retry_after: Duration::from_secs(most),
        // Never short: what it allows is proved where it lives.
        budget: BudgetConfig {
            ratio: 1000.0,
            floor: 10_000,
        },
        ..RetryConfig::default()
    });
    prop::collection::vec((config, call), 1..100)
}

impl Call {
    /// The milliseconds at which attempts begin, and the one at which the call is over.
    fn expected(&self, config: &RetryConfig) -> (Vec<u64>, u64) {
        let millis = |time: Duration| time.as_millis() as u64;
        let (mut now, mut began) = (0, Vec::new());
        let mut wait = millis(config.backoff.base);
        for (answer, takes) in &self.answers {
            began.push(now);
            now += takes;
            let Answer::Busy(retry_after) = answer else {
                break;
            };
            let asked = retry_after.unwrap_or(0) * 1000;
            let next = now + asked + wait.min(millis(config.backoff.max));
            let is_last = !config.enabled
                || began.len() as u32 >= config.max_attempts
                || asked > millis(config.max_retry_after)
                || self.deadline.is_some_and(|deadline| next >= deadline);
            if is_last {
                break;
            }
            now = next;
            wait *= config.backoff.factor as u64;
        }
        (began, now)
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = match answer {
        Answer::Good => StatusCode::OK,
        Answer::Missing => StatusCode::NOT_FOUND,
        Answer::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    if let Answer::Busy(Some(seconds)) = answer {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn attempts_are_made_when_they_are_due_and_not_when_they_are_not(calls in calls()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let layer = RetryLayer::from_config(RetryConfig::default()).unwrap();
            let handle = layer.handle();
            let answers = Arc::new(Mutex::new(Vec::<(Answer, u64)>::new()));
            let began = Arc::new(Mutex::new(Vec::new()));
            let upstream = {
                let (answers, began) = (answers.clone(), began.clone());
                service_fn(move |_: Request<_>| {
                    sync::lock(&began).push(clock::now());
                    let (answer, takes) = sync::lock(&answers).remove(0);
                    async move {
                        tokio::time::sleep(Duration::from_millis(takes)).await;
                        Ok::<_, Infallible>(response(answer))
                    }
                })
            };
            let mut service = layer.layer(upstream);
            for (config, call) in calls {
                handle.update(config).unwrap();
                *sync::lock(&answers) = call.answers.clone();
                sync::lock(&began).clear();
                let start = clock::now();
                let request = Request::new(Full::<Bytes>::default());
                let answer = service.call(request);
                let answer = match call.deadline {
                    Some(left) => Deadline::after(Duration::from_millis(left)).scope(answer).await,
                    None => answer.await,
                };
                let since = |moment: &clock::Instant| moment.duration_since(start).as_millis() as u64;
                let began: Vec<_> = sync::lock(&began).iter().map(since).collect();
                let expected = call.expected(&config);
                assert_eq!((began, since(&clock::now())), expected, "{config:?}: {call:?}");
                let last = call.answers[expected.0.len() - 1].0;
                assert_eq!(answer.unwrap().status(), response(last).status());
            }
        });
    }
}
