//! Request bodies: replayed byte for byte, or sent once, by the caps.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::State, routing::put};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    retry::{ReplayBody, RetryConfig, RetryLayer, Skip, replay_memory},
};
use tower_layer::Layer;

use crate::retry::{ok, steady};
use crate::support::{by_hand, serve};

fn layer() -> RetryLayer {
    let mut config = RetryConfig { ..steady() };
    config.backoff.base = std::time::Duration::from_millis(1);
    RetryLayer::from_config(config).unwrap()
}

/// Bytes that are all different from their neighbors, so that a shift shows.
fn bytes(len: usize) -> Bytes {
    (0..len)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

/// A body of unknown length, in frames of this size.
fn streamed(bytes: &Bytes, frame: usize) -> Body {
    let frames: Vec<_> = bytes
        .chunks(frame)
        .map(Bytes::copy_from_slice)
        .map(Ok::<_, Infallible>)
        .collect();
    Body::from_stream(stream::iter(frames))
}

type Bodies = Arc<Mutex<Vec<Bytes>>>;

/// Reads every request to its end and refuses it.
async fn refuse(State(bodies): State<Bodies>, body: Body) -> StatusCode {
    let body = body.collect().await.unwrap().to_bytes();
    bodies.lock().unwrap().push(body);
    StatusCode::SERVICE_UNAVAILABLE
}

#[tokio::test]
async fn bodies_are_replayed_byte_for_byte_up_to_the_cap_and_sent_once_beyond() {
    const CAP: usize = 64 * 1024;
    let seen = Bodies::default();
    let address = serve(
        Router::new()
            .route("/", put(refuse))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(seen.clone()),
    )
    .await;
    let client: Client<_, ReplayBody<Body>> = Client::builder(TokioExecutor::new()).build_http();
    let layer = layer();
    let handle = layer.handle();
    let client = layer.layer(client);

    let mut too_large = 0;
    for (len, attempts) in [
        (0, 3),
        (1, 3),
        (400, 3),
        (20_000, 3),
        (CAP, 3),
        (CAP + 1, 1),
        (10 << 20, 1),
    ] {
        let whole = bytes(len);
        let of_one_piece = Body::from(whole.clone());
        for body in [
            of_one_piece,
            streamed(&whole, 16 * 1024),
            streamed(&whole, 777),
        ] {
            let request = Request::put(format!("http://{address}/"))
                .body(body)
                .unwrap();
            let response = client.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 503);
            let seen = std::mem::take(&mut *seen.lock().unwrap());
            assert_eq!(seen.len(), attempts, "{len} bytes");
            assert!(
                seen.iter().all(|body| *body == whole),
                "{len} bytes came through changed"
            );
            too_large += u64::from(attempts == 1);
        }
    }
    assert_eq!(handle.snapshot().skipped[&Skip::BodyTooLarge], too_large);
}

#[tokio::test(start_paused = true)]
async fn trailers_and_hints_are_those_of_the_original_in_every_attempt() {
    let trailers =
        HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), "7".parse().unwrap())]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let service = layer().layer(service_fn(move |request: Request<ReplayBody<_>>| {
        let log = log.clone();
        async move {
            let body = request.into_body();
            assert!(!body.is_end_stream());
            let collected = body.collect().await?;
            let trailers = collected.trailers().cloned();
            log.lock().unwrap().push((collected.to_bytes(), trailers));
            Err::<http::Response<Body>, BoxError>("failed".into())
        }
    }));
    let frames = vec![
        Ok::<_, Infallible>(Frame::data(bytes(2_000))),
        Ok(Frame::data(Bytes::new())),
        Ok(Frame::data(bytes(10))),
        Ok(Frame::trailers(trailers.clone())),
    ];
    let request = Request::put("/")
        .body(StreamBody::new(stream::iter(frames)))
        .unwrap();
    service.oneshot(request).await.unwrap_err();
    let whole: Bytes = [bytes(2_000), bytes(10)].concat().into();
    assert_eq!(*seen.lock().unwrap(), vec![(whole, Some(trailers)); 3]);

    let service = layer().layer(service_fn(async |request: Request<ReplayBody<Body>>| {
        let mut body = request.into_body();
        assert_eq!(body.size_hint().exact(), Some(5_000));
        let frame = body.frame().await.unwrap()?.into_data().unwrap();
        assert_eq!(body.size_hint().exact(), Some(5_000 - frame.len() as u64));
        assert!(body.is_end_stream());
        Err::<http::Response<Body>, BoxError>("failed".into())
    }));
    let request = Request::put("/").body(Body::from(bytes(5_000))).unwrap();
    assert_eq!(
        service.oneshot(request).await.unwrap_err().to_string(),
        "failed"
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_mid_upload_is_followed_by_one_that_replays_and_goes_on() {
    let (frames, body) = by_hand();
    let mut body = Some(Box::pin(body));
    for part in ["one ", "two "] {
        frames.send(Bytes::from_static(part.as_bytes())).unwrap();
    }
    let kept_alive = Arc::new(Mutex::new(None));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service = layer().layer(service_fn({
        let (kept_alive, seen) = (kept_alive.clone(), seen.clone());
        move |request: Request<ReplayBody<_>>| {
            let (kept_alive, seen) = (kept_alive.clone(), seen.clone());
            async move {
                let mut body = request.into_body();
                if kept_alive.lock().unwrap().is_none() {
                    for _ in 0..2 {
                        body.frame().await.unwrap().unwrap();
                    }
                    // As a connection's task may: it does not drop the body at once.
                    *kept_alive.lock().unwrap() = Some(body);
                    return Err(BoxError::from(io::Error::from(
                        io::ErrorKind::ConnectionReset,
                    )));
                }
                let whole = body.collect().await?.to_bytes();
                seen.lock().unwrap().push(whole);
                Ok(ok())
            }
        }
    }));
    let request = Request::put("/").body(body.take().unwrap()).unwrap();
    let call = tokio::spawn(service.oneshot(request));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    frames.send(Bytes::from_static(b"three")).unwrap();
    drop(frames);
    call.await.unwrap().unwrap();
    assert_eq!(*seen.lock().unwrap(), ["one two three"]);
    let mut first = kept_alive.lock().unwrap().take().unwrap();
    let error = first.frame().await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("over"),
        "the old upload breaks off: {error}"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_mid_upload_is_followed_by_the_whole_body() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let read_until = async |end: &[u8], close: &[u8]| {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            while !got.windows(end.len()).any(|window| window == end) {
                assert_ne!(socket.read_buf(&mut got).await.unwrap(), 0);
            }
            socket.write_all(close).await.unwrap();
            got
        };
        read_until(b"first part", b"").await;
        read_until(
            b"\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        )
        .await
    });
    let (frames, body) = by_hand();
    frames.send(Bytes::from_static(b"first part")).unwrap();
    let client: Client<_, ReplayBody<_>> = Client::builder(TokioExecutor::new()).build_http();
    let layer = layer();
    let handle = layer.handle();
    let service = layer.layer(client);
    let request = Request::put(format!("http://{address}/"))
        .body(Box::pin(body))
        .unwrap();
    let call = tokio::spawn(service.oneshot(request));
    while handle.snapshot().retries == 0 {
        tokio::task::yield_now().await;
    }
    frames.send(Bytes::from_static(b"second part")).unwrap();
    drop(frames);
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    let second = String::from_utf8(server.await.unwrap()).unwrap();
    let body = second.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(body, "A\r\nfirst part\r\nB\r\nsecond part\r\n0\r\n\r\n");
    assert!(second.contains("x-retry-attempt: 2"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_while_the_upload_still_runs_is_not_retried() {
    let layer = layer();
    let handle = layer.handle();
    let uploads = Arc::new(Mutex::new(Vec::new()));
    let running = uploads.clone();
    let service = layer.layer(service_fn(move |request: Request<ReplayBody<_>>| {
        running.lock().unwrap().push(request.into_body());
        let mut response = ok();
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        std::future::ready(Ok::<_, Infallible>(response))
    }));
    let (frames, body) = by_hand();
    let request = Request::put("/").body(Box::pin(body)).unwrap();
    assert_eq!(service.oneshot(request).await.unwrap().status(), 503);
    assert_eq!(handle.snapshot().skipped[&Skip::BodyUnfinished], 1);
    // And goes on undisturbed.
    let mut upload = uploads.lock().unwrap().pop().unwrap();
    frames.send(Bytes::from_static(b"more")).unwrap();
    assert_eq!(
        upload.frame().await.unwrap().unwrap().into_data().unwrap(),
        "more"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_itself_is_not_sent_again() {
    let layer = layer();
    let handle = layer.handle();
    let service = layer.layer(service_fn(async |request: Request<ReplayBody<Body>>| {
        request.into_body().collect().await?;
        Ok::<_, BoxError>(ok())
    }));
    let broken = stream::iter([Ok(bytes(10)), Err(io::Error::other("the client went away"))]);
    let request = Request::put("/").body(Body::from_stream(broken)).unwrap();
    let error = service.oneshot(request).await.unwrap_err();
    assert_eq!(error.to_string(), "the client went away");
    assert_eq!(handle.snapshot().skipped[&Skip::BodyFailed], 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_counted_while_the_call_runs() {
    let (counted, mut counts) = tokio::sync::mpsc::unbounded_channel();
    let service = layer().layer(service_fn(move |request: Request<ReplayBody<Body>>| {
        let counted = counted.clone();
        async move {
            request.into_body().collect().await?;
            counted.send(replay_memory().used).unwrap();
            Err::<http::Response<Body>, BoxError>("failed".into())
        }
    }));
    let request = Request::put("/")
        .body(streamed(&bytes(60_000), 1_000))
        .unwrap();
    service.oneshot(request).await.unwrap_err();
    let during = counts.recv().await.unwrap();
    // Other tests of this process keep bodies too, so only a lower bound is known.
    assert!(during >= 60_000, "{during}");
}

#[tokio::test]
async fn a_body_of_many_tiny_frames_costs_no_more_than_its_length() {
    let layer = layer();
    let handle = layer.handle();
    let calls = Arc::new(Mutex::new(0));
    let service = layer.layer(service_fn({
        let calls = calls.clone();
        move |request: Request<ReplayBody<Body>>| {
            *calls.lock().unwrap() += 1;
            async move {
                let sent = request.into_body().collect().await?.to_bytes();
                assert_eq!(sent, bytes(sent.len()));
                Err::<http::Response<Body>, BoxError>("failed".into())
            }
        }
    }));
    for (frames, attempts) in [(1_000, 3), (2_000, 1)] {
        let request = Request::put("/").body(streamed(&bytes(frames), 1)).unwrap();
        service.clone().oneshot(request).await.unwrap_err();
        assert_eq!(std::mem::take(&mut *calls.lock().unwrap()), attempts);
    }
    assert_eq!(handle.snapshot().skipped[&Skip::BodyTooLarge], 1);
}
