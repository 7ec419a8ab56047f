//! Bounds that a layer must not add: they show up here as code that does not compile.

use tokio::task::LocalSet;

use super::{
    backend::{Backend, Local, Plan},
    drive::Check,
    payload::Upload,
    subject::{Contracted, Http, Subject},
};

/// A service, future and body that are `!Send` work under the layer, on a `LocalSet`.
///
/// ```compile_fail,E0277
/// # use tower_keep_test::contract::{self, Plain};
/// # async fn check() {
/// contract::not_send(Plain, &tower_layer::layer_fn(|inner| sent(inner))).await;
/// # }
/// fn sent<S: Send>(inner: S) -> S {
///     inner
/// }
/// ```
///
/// # Panics
///
/// With an explanation, if a call does not succeed. An added `Send` bound does not compile.
pub async fn not_send<W, L: Contracted<W, Local>>(_: W, layer: &L) {
    let check = Check("not_send");
    let (bare, control) = Backend::new(Local::default());
    let service = layer.layer(bare);
    control.set(Plan {
        head_after: 2,
        ..Plan::default()
    });
    LocalSet::new()
        .run_until(check.call::<W, _>("on a LocalSet", &service))
        .await;
}

/// A request whose body is neither `Clone` nor `Sync` reaches the inner service whole.
///
/// # Panics
///
/// With an explanation, if bytes are missing. An added bound on the request does not compile.
pub async fn not_clone_request<L: Contracted<Http>>(layer: &L) {
    let check = Check("not_clone_request");
    let (bare, control) = Backend::new(());
    let service = layer.layer(bare);
    let mut clone = service.clone();
    check.ready("before the call", &mut clone).await;
    let reply = check.within("the call", clone.start(false)).await;
    if let Err(why) = L::Service::finish(reply).await {
        check.fail(&format!("the call must succeed, but {why}"));
    }
    let (sent, received) = (Upload::DATA.len(), control.received());
    if sent != received {
        check.fail(&format!(
            "the request body had {sent} bytes and {received} of them arrived"
        ));
    }
}
