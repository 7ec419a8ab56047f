//! A service that the test answers step by step.
//!
//! Each call appears at the [`Handle`] as its request and an [`Answer`]; the test decides when and
//! how the call ends. [`plain`] takes any request, response and error type, none of which needs to
//! be `Clone`; [`http()`] is the same with a [`ScriptedBody`] in the
//! response.
//!
//! ```
//! use tower::ServiceExt;
//! use tower_keep_test::script;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let (service, mut handle) = script::plain::<u64, u64, &str>();
//! let call = tokio::spawn(service.oneshot(20));
//! let (request, answer) = handle.next().await;
//! assert_eq!(handle.in_flight(), 1);
//! answer.send(request + 1);
//! assert_eq!(call.await.unwrap(), Ok(21));
//! # }
//! ```

mod handle;
mod service;

use http::{Request, Response};
use tower::BoxError;

pub use self::{
    handle::{Answer, Handle},
    service::{ResponseFuture, Script},
};
use crate::body::ScriptedBody;

/// A scripted service over any types.
#[must_use]
pub fn plain<Req, Res, Err>() -> (Script<Req, Res, Err>, Handle<Req, Res, Err>) {
    service::pair()
}

/// A scripted HTTP service whose calls can fail, as a client's can. For a service that cannot
/// fail, as in a router, say `plain::<Request<B>, Response<ScriptedBody>, Infallible>()`.
#[must_use]
#[expect(
    clippy::type_complexity,
    reason = "the same pair as `plain`, spelled out"
)]
pub fn http<B>() -> (
    Script<Request<B>, Response<ScriptedBody>, BoxError>,
    Handle<Request<B>, Response<ScriptedBody>, BoxError>,
) {
    service::pair()
}
