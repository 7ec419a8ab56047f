//! Every check passes on a layer that works and names what is wrong with one that does not.

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use tower::util::MapRequestLayer;
use tower_keep_test::contract::{self, Contract, Http, Plain, Upload};

use crate::specimen::{Flaw, Specimen, fails};

#[tokio::test(start_paused = true)]
async fn a_sound_layer_passes_all_checks_over_http() {
    contract::http(|| Specimen::new(Flaw::None), Specimen::at_rest).await;
}

#[tokio::test(start_paused = true)]
async fn a_sound_layer_passes_all_checks_over_a_plain_service() {
    contract::plain(|| Specimen::new(Flaw::None), Specimen::at_rest).await;
}

#[tokio::test(start_paused = true)]
async fn no_layer_at_all_passes_all_checks() {
    contract::http(tower_layer::Identity::new, |_| ()).await;
    contract::plain(tower_layer::Identity::new, |_| ()).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_to_an_unready_clone_is_found() {
    let layer = Specimen::new(Flaw::CallsAnUnreadyClone);
    let text = "called an instance that was not ready";
    fails(contract::readiness(Http, &layer, || ()), text).await;
    fails(contract::readiness(Plain, &layer, || ()), text).await;
}

#[tokio::test(start_paused = true)]
async fn a_permit_taken_in_poll_ready_is_found() {
    let layer = Specimen::new(Flaw::ReservesInPollReady);
    let text = "contract `readiness`: clone 2 of 1000 that are polled ready and never called";
    fails(contract::readiness(Http, &layer, || ()), text).await;
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_survives_its_dropped_call_is_found() {
    let layer = Specimen::new(Flaw::LeaksOnDrop);
    let check = contract::cancellation(Http, &layer, || layer.at_rest());
    let text = "contract `cancellation`: dropped after 0 polls: the layer is not at rest";
    fails(check, text).await;
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_survives_a_panic_is_found() {
    let layer = Specimen::new(Flaw::LeaksOnDrop);
    let check = contract::panics(Plain, &layer, || layer.at_rest());
    let text = "contract `panics`: the inner service panicked in `call`: the layer is not at rest";
    fails(check, text).await;
}

#[tokio::test(start_paused = true)]
async fn a_future_that_spins_is_found() {
    let layer = Specimen::new(Flaw::Spins);
    let text = "contract `wakeups`: the call is spinning";
    fails(contract::wakeups(Http, &layer), text).await;
    fails(contract::wakeups(Plain, &layer), text).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_waker_is_found() {
    let layer = Specimen::new(Flaw::LosesTheWaker);
    let text = "contract `wakeups`: the call: lost wake-up";
    fails(contract::wakeups(Plain, &layer), text).await;
    let layer = Specimen::new(Flaw::KeepsTheWaker);
    let text = "contract `wakeups`: the call has lost a wake-up: the inner service went on";
    fails(contract::wakeups(Http, &layer), text).await;
}

#[tokio::test(start_paused = true)]
async fn state_made_in_layer_is_found() {
    let layer = Specimen::new(Flaw::None);
    contract::layer_shares_state(Http, &layer, || layer.seen() as u64).await;
    let layer = Specimen::new(Flaw::MintsState);
    let check = contract::layer_shares_state(Http, &layer, || layer.seen() as u64);
    fails(check, "contract `layer_shares_state`: `seen` has not grown").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_body_that_is_cut_short_is_found() {
    let layer =
        MapRequestLayer::new(|request: Request<Upload>| request.map(|_| Empty::<Bytes>::new()));
    let check = contract::not_clone_request(&layer);
    fails(
        check,
        "contract `not_clone_request`: the request body had 23 bytes and 0",
    )
    .await;
}

#[cfg(feature = "alloc")]
#[tokio::test(start_paused = true)]
async fn an_allocation_on_the_admitted_path_is_found() {
    let layer = Specimen::new(Flaw::Allocates);
    let text = "contract `allocations`: over an inner service that answers at once an admitted \
                call allocates 1 times (4 bytes)";
    fails(contract::allocations(Http, &layer, 0), text).await;
    fails(contract::allocations(Plain, &layer, 0), text).await;
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_have_an_excuse_for_its_allocations() {
    let suite = Contract::new(|| Specimen::new(Flaw::Allocates), Specimen::at_rest);
    suite.allowing_allocations(1).http().await;
}
