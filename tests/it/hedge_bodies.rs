//! Bodies of requests that are sent twice at once, and of the answer that wins.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    routing::{get, put},
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::sync::mpsc;
use tower::{Service, ServiceExt, service_fn};
use tower_keep::{
    hedge::{HedgeConfig, HedgeLayer},
    replay::{ReplayBody, Skip, replay_memory},
};
use tower_layer::Layer;

use crate::{
    hedge::{layer, ms},
    support::{by_hand, serve},
};

/// What each attempt read of its body, or how that failed, in the order of the attempts.
type Read = mpsc::UnboundedReceiver<(usize, Result<Bytes, String>)>;

/// Attempt 1 begins to read after `first` and never answers; the others answer what they have read.
fn reads<B>(
    first: Duration,
) -> (
    impl Service<
        Request<ReplayBody<B>>,
        Response = Response<Full<Bytes>>,
        Error = Infallible,
        Future: Send,
    > + Clone,
    Read,
)
where
    B: http_body::Body<Data = Bytes, Error: Into<tower_keep::BoxError>> + Unpin + Send + 'static,
{
    let (sender, receiver) = mpsc::unbounded_channel();
    let calls = std::sync::Arc::new(AtomicUsize::new(0));
    let service = service_fn(move |request: Request<ReplayBody<B>>| {
        let number = calls.fetch_add(1, Relaxed) + 1;
        let sender = sender.clone();
        // A task of its own, as the connections of a client are: it outlives the call.
        let task = tokio::spawn(async move {
            if number == 1 {
                tokio::time::sleep(first).await;
            }
            let body = request.into_body().collect().await;
            let body = body
                .map(http_body_util::Collected::to_bytes)
                .map_err(|error| error.to_string());
            let _ = sender.send((number, body.clone()));
            body
        });
        async move {
            let body = task.await.unwrap();
            if number == 1 {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(Response::new(Full::new(body.unwrap_or_default())))
        }
    });
    (service, receiver)
}

async fn all(answer: Response<Full<Bytes>>) -> Bytes {
    answer.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test(start_paused = true)]
async fn attempts_side_by_side_read_the_same_upload_each_at_its_own_pace() {
    for first in [ms(0), ms(60), ms(500)] {
        let (upload, body) = by_hand();
        let (service, mut read) = reads(first);
        let service = HedgeLayer::after(ms(50)).layer(service);
        let body = body.boxed_unsync();
        let call = tokio::spawn(service.oneshot(Request::put("/").body(body).unwrap()));
        let mut sent = Vec::new();
        for part in ["one ", "two ", "three ", "four"] {
            upload.send(Bytes::from(part)).unwrap();
            sent.extend_from_slice(part.as_bytes());
            tokio::time::sleep(ms(30)).await;
        }
        drop(upload);
        let answer = call.await.unwrap().unwrap();
        assert_eq!(all(answer).await, sent, "first after {first:?}");
        for _ in 0..2 {
            assert_eq!(read.recv().await.unwrap().1.unwrap(), sent);
        }
    }
    assert_eq!(replay_memory().used, 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_cap_is_left_to_the_attempt_that_is_ahead() {
    let (upload, body) = by_hand();
    let (service, mut read) = reads(ms(1_000));
    let layer = layer(HedgeConfig {
        max_replay_bytes: 10,
        ..HedgeConfig::after(ms(50))
    });
    let call = tokio::spawn(
        layer
            .layer(service)
            .oneshot(Request::put("/").body(body.boxed_unsync()).unwrap()),
    );
    upload.send(Bytes::from("12345")).unwrap();
    tokio::time::sleep(ms(60)).await;
    upload.send(Bytes::from("67890abc")).unwrap();
    drop(upload);
    let answer = call.await.unwrap().unwrap();
    assert_eq!(all(answer).await, "1234567890abc");
    assert_eq!(read.recv().await.unwrap().0, 2);
    let (first, failed) = read.recv().await.unwrap();
    assert_eq!((first, failed.is_err()), (1, true));
}

#[tokio::test(start_paused = true)]
async fn what_was_read_beyond_the_cap_is_not_sent_twice() {
    let (service, mut read) = reads(ms(0));
    let layer = layer(HedgeConfig {
        max_replay_bytes: 10,
        ..HedgeConfig::after(ms(50))
    });
    let handle = layer.handle();
    let request = Request::put("/").body(Body::from("more than ten bytes"));
    let call = layer.layer(service).oneshot(request.unwrap());
    assert!(tokio::time::timeout(ms(100), call).await.is_err());
    assert_eq!(read.recv().await.unwrap().1.unwrap(), "more than ten bytes");
    let skipped = handle.snapshot().skipped;
    assert!(skipped.contains_key(&Skip::BodyTooLarge), "{skipped:?}");
}

#[tokio::test]
async fn on_sockets_the_answer_of_the_faster_streams_and_the_other_connection_is_let_go() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    static GIVEN_UP: AtomicUsize = AtomicUsize::new(0);
    struct Watch(bool);
    impl Drop for Watch {
        fn drop(&mut self) {
            GIVEN_UP.fetch_add(usize::from(!self.0), Relaxed);
        }
    }
    let app = Router::new().route(
        "/",
        put(|body: Bytes| async move {
            let mut watch = Watch(false);
            if CALLS.fetch_add(1, Relaxed) == 0 {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            watch.0 = true;
            let parts = body.chunks(1000).map(Bytes::copy_from_slice);
            let parts: Vec<_> = parts
                .map(|part| Ok::<_, Infallible>(http_body::Frame::data(part)))
                .collect();
            Response::new(Body::new(StreamBody::new(futures_util::stream::iter(
                parts,
            ))))
        }),
    );
    let address = serve(app.route("/warm", get(|| async {}))).await;
    let client: Client<_, ReplayBody<Body>> = Client::builder(TokioExecutor::new()).build_http();
    let layer = HedgeLayer::after(ms(50));
    let handle = layer.handle();
    let upload: Bytes = (0..50_000_u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    let request = Request::put(format!("http://{address}/")).body(Body::from(upload.clone()));
    let response = layer.layer(client).oneshot(request.unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, upload);
    assert_eq!(CALLS.load(Relaxed), 2);
    let now = handle.snapshot();
    assert_eq!((now.hedges, now.won, now.cancelled), (1, 1, 1));
    for _ in 0..200 {
        if GIVEN_UP.load(Relaxed) == 1 {
            return;
        }
        tokio::time::sleep(ms(5)).await;
    }
    panic!("the server still works for the attempt that lost");
}
