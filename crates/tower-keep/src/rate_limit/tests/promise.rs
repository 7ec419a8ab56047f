//! The promise as callers see it, over thousands of calls of a real layer.

use std::{convert::Infallible, time::Duration};

use proptest::prelude::*;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::super::*;
use crate::{
    BoxError,
    common::clock::{self, Instant},
    rejection::Rejection,
};

/// What a caller is told: in, or when to come back.
async fn ask(layer: &RateLimitLayer<crate::protocol::Plain>) -> Result<(), Duration> {
    let echo = service_fn(|n: u64| async move { Ok::<_, Infallible>(n) });
    let service = layer.layer(echo.map_err(BoxError::from));
    let answer = service.oneshot(7).await;
    answer.map(drop).map_err(|error| {
        let rejection = Rejection::find(&*error).expect("it is a refusal");
        rejection.retry_after().expect("it fits some time")
    })
}

/// Tokens counted in nanoseconds, which is another way to say the same.
struct Tokens {
    held: u64,
    most: u64,
    at: Instant,
}

impl Tokens {
    fn grow(&mut self) {
        let passed = u64::try_from((clock::now() - self.at).as_nanos()).unwrap();
        self.held = self.held.saturating_add(passed).min(self.most);
        self.at = clock::now();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// In any time T at most rate x T + burst, all that may, and a refusal is right to the nanosecond.
    #[test]
    fn callers_get_what_a_count_of_tokens_gives(
        burst in 1..20_u32,
        interval in 1..50_000_000_u64,
        steps in proptest::collection::vec((0..3_u64, 0..100_000_000_u64, 1..6_u32), 1..600),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let rate = Rate::every(Duration::from_nanos(interval)).burst(burst.into());
            let layer = RateLimitLayer::new(rate).plain();
            let most = interval * u64::from(burst);
            let mut tokens = Tokens { held: most, most, at: clock::now() };
            let mut admitted = Vec::new();
            for (pause, time, calls) in steps {
                tokio::time::advance(Duration::from_nanos(pause * time / 2)).await;
                for _ in 0..calls {
                    tokens.grow();
                    match ask(&layer).await {
                        Ok(()) => {
                            prop_assert!(tokens.held >= interval, "one too many");
                            tokens.held -= interval;
                            admitted.push(clock::now());
                        }
                        Err(after) => {
                            prop_assert!(tokens.held < interval, "there was one");
                            let missing = interval - tokens.held;
                            prop_assert_eq!(after, Duration::from_nanos(missing));
                        }
                    }
                }
            }
            for (first, from) in admitted.iter().enumerate() {
                let most = u128::from(burst);
                for (count, to) in (1..).zip(&admitted[first..]) {
                    let may = most + (*to - *from).as_nanos() / u128::from(interval);
                    prop_assert!(count <= may, "{count} of {may} between {from:?} and {to:?}");
                }
            }
            Ok(())
        })?;
    }
}
