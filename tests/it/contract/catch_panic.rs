use http::StatusCode;
use tower_keep::catch_panic::CatchPanicLayer;
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

use super::CALLS;

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(CatchPanicLayer::new, |_: &CatchPanicLayer| {}).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(
        || CatchPanicLayer::new().plain(),
        |_: &CatchPanicLayer<_>| {},
    )
    .await;
}

#[tokio::test]
async fn is_one_layer_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let layer = CatchPanicLayer::new();
        let panics = async |_| -> StatusCode { panic!("on purpose") };
        let load = Load::OneByOne(CALLS);
        let outcome = axum_matrix::run_case(case, load, layer.clone(), panics).await;
        assert_eq!(
            outcome.statuses,
            [StatusCode::INTERNAL_SERVER_ERROR; CALLS],
            "{case}"
        );
        assert_eq!(layer.handle().snapshot().caught, CALLS as u64, "{case}");
    }
}
