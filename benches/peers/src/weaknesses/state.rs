//! Where the state of a layer lives.

use axum::{Router, error_handling::HandleErrorLayer, routing::get};
use http::StatusCode;
use tower::ServiceBuilder;
use tower_keep::rate_limit::{Rate, RateLimitLayer};
use tower_resilience_ratelimiter::RateLimiterLayer as Theirs;

use crate::{
    case::{Case, Outcome, situation},
    support::{answered, ms},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![w1_state_per_connection::case()]
}

fn app() -> Router {
    Router::new().route("/", get(async || "fine"))
}

fn passed(passed: usize) -> Outcome {
    Outcome::new(passed == 1, format!("{passed} of 10 let in"))
}

async fn theirs() -> Outcome {
    let limit = Theirs::builder()
        .limit_for_period(1)
        .refresh_period(ms(600_000))
        .timeout_duration(ms(0))
        .build()
        .expect("valid");
    let refused = HandleErrorLayer::new(async |_| StatusCode::TOO_MANY_REQUESTS);
    passed(
        answered(
            app().layer(ServiceBuilder::new().layer(refused).layer(limit)),
            10,
        )
        .await,
    )
}

async fn ours() -> Outcome {
    passed(
        answered(
            app().layer(RateLimitLayer::new(Rate::every(ms(600_000)))),
            10,
        )
        .await,
    )
}

situation! {
    w1_state_per_connection: "W1", "an axum server, one call in ten minutes; ten connections";
    peer "tower-resilience-ratelimiter" => real (theirs);
    ours => real (ours);
}
