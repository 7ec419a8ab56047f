//! State that lives in the layer.

use tower_layer::Layer;

use super::{
    backend::{Backend, Bare},
    drive::Check,
    subject::Contracted,
};

/// Calls made each way.
const CALLS: u64 = 5;

/// `layer()` hands out the layer's state instead of making new state: calls through five services
/// from five applications of the layer and its clones are seen as calls through one service are.
/// axum applies a layer again for each connection, even for each request.
///
/// `seen` reads a number that grows with each call, from a handle that the caller took from
/// `layer` beforehand: calls admitted, outcomes in the window, tokens spent.
///
/// # Panics
///
/// With an explanation, if the layer breaks this or `seen` does not grow at all.
pub async fn layer_shares_state<W, L: Contracted<W> + Clone>(
    _: W,
    layer: &L,
    seen: impl Fn() -> u64,
) {
    let check = Check("layer_shares_state");
    let (bare, control) = Backend::new(());

    let start = seen();
    let one = apply(layer, &bare);
    for _ in 0..CALLS {
        check.call::<W, _>("through one application", &one).await;
    }
    let growth = seen().wrapping_sub(start);
    if growth == 0 {
        check.fail(&format!(
            "`seen` has not grown in {CALLS} calls: either it shows something else, or the handle \
             is not connected to the service, because `layer()` makes state of its own"
        ));
    }

    let start = seen();
    for _ in 0..CALLS {
        let service = apply(&layer.clone(), &bare);
        check
            .call::<W, _>("through an application of its own", &service)
            .await;
    }
    let again = seen().wrapping_sub(start);
    if growth != again {
        check.fail(&format!(
            "`seen` grew by {growth} in {CALLS} calls through one application of the layer, but by \
             {again} in {CALLS} calls through applications of their own: `layer()` makes state \
             instead of sharing the layer's"
        ));
    }
    debug_assert_eq!(control.calls() as u64, 2 * CALLS, "every call has arrived");
}

fn apply<L: Layer<Bare>>(layer: &L, bare: &Bare) -> L::Service {
    layer.layer(bare.clone())
}
