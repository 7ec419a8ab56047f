//! A caller that stops reading a response.

use std::{convert::Infallible, future::poll_fn, pin::pin};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    backend::{Backend, Bare, Plan},
    drive::Check,
    payload::Upload,
    subject::{Http, Subject},
};
use crate::body::Frames;

/// Frames of the body that is dropped: two of data and the trailers.
const FRAMES: usize = 3;

/// The response body is dropped before frame 0, before frame 1, and so on to its end. After each
/// the layer must be at rest and serve a further call.
///
/// # Panics
///
/// With an explanation, if the layer breaks this.
pub async fn body_drop<L, B>(layer: &L, quiescent: impl Fn())
where
    L: Layer<Bare>,
    L::Service: Service<Request<Upload>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let check = Check("body_drop");
    let (bare, control) = Backend::new(());
    let service = layer.layer(bare);
    control.set(Plan {
        head_after: 1,
        body: Frames::new()
            .data("one")
            .pending()
            .data("two")
            .trailers(HeaderMap::new()),
        ..Plan::default()
    });
    for frames in 0..=FRAMES + 1 {
        let mut clone = service.clone();
        check.ready::<Http, _>("before the call", &mut clone).await;
        let what = format!("its body dropped after {frames} frames");
        let Ok(response) = check
            .within(&what, Subject::<Http>::start(&mut clone, false))
            .await;
        {
            let mut body = pin!(response.into_body());
            for _ in 0..frames {
                let next = poll_fn(|cx| body.as_mut().poll_frame(cx));
                if check.within(&what, next).await.is_none() {
                    break;
                }
            }
        }
        check.rest::<Http, _>(&what, &service, &quiescent).await;
    }
}
