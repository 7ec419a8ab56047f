//! The matrix, with limits that hold and limits that do not.

use axum::http::StatusCode;
use tower::limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer};
use tower_keep_test::axum_matrix::{self, Drive, Load, Place, cases};
use tower_layer::Identity;

#[tokio::test]
async fn without_a_limit_every_request_is_there_at_once() {
    let outcomes = axum_matrix::run(Load::AtOnce(24), Identity::new, async |_| "hello").await;
    assert_eq!(outcomes.len(), cases().count());
    for outcome in outcomes {
        let case = outcome.case;
        assert_eq!((outcome.hits, outcome.peak), (24, 24), "{case}");
        assert_eq!(outcome.answered(StatusCode::OK), 24, "{case}");
    }
}

#[tokio::test]
async fn a_layer_that_shares_its_state_holds_in_every_place() {
    for case in cases().filter(|case| case.connections == 20 || case.routes == 3) {
        if case.place == Place::Fallback || case.place == Place::Handler {
            let layer = GlobalConcurrencyLimitLayer::new(2);
            let outcome = axum_matrix::run_case(case, Load::AtOnce(4), layer, async |_| ()).await;
            assert_eq!((outcome.hits, outcome.peak), (4, 2), "{case}");
        }
    }
}

#[tokio::test]
async fn state_made_in_layer_shows_with_many_connections() {
    for case in cases().filter(|case| case.place == Place::Router && case.routes == 1) {
        let layer = ConcurrencyLimitLayer::new(1);
        let outcome = axum_matrix::run_case(case, Load::AtOnce(4), layer, async |_| ()).await;
        let expected = match (case.drive, case.connections) {
            (Drive::Serve, 20) | (Drive::Oneshot, _) => 4,
            _ => 1,
        };
        assert_eq!(outcome.peak, expected, "{case}");
    }
}

#[tokio::test]
async fn requests_one_by_one_meet_nobody() {
    let case = cases().next().unwrap();
    let teapot = async |_| StatusCode::IM_A_TEAPOT;
    let outcome = axum_matrix::run_case(case, Load::OneByOne(7), Identity::new(), teapot).await;
    assert_eq!((outcome.hits, outcome.peak), (7, 1));
    assert_eq!(outcome.answered(StatusCode::IM_A_TEAPOT), 7);
}
