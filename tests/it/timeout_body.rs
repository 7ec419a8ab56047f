//! The timeout from outside, over bodies and on sockets.

use std::{convert::Infallible, future::pending, time::Duration};

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    context::{Deadline, deadline},
    rejection::{Kind, Phase, Rejection},
    timeout::{RequestBodyTimeoutLayer, TimeoutConfig, TimeoutLayer},
};

use crate::support::{by_hand, client, get as request_to, serve};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn layer(config: TimeoutConfig) -> TimeoutLayer {
    TimeoutLayer::from_config(config).unwrap()
}

fn request() -> Request<Body> {
    Request::new(Body::empty())
}

fn exceeded(phase: Phase, after: Duration) -> Kind {
    Kind::DeadlineExceeded { phase, after }
}

/// A frame every `every`, without an end.
fn ticking(every: Duration) -> Body {
    Body::from_stream(stream::unfold((), move |()| async move {
        sleep(every).await;
        Some((Ok::<_, Infallible>("tick"), ()))
    }))
}

/// Reads a body to its end; how many frames there were, and why there were no more.
async fn read(mut body: Body) -> (usize, Option<Kind>) {
    let mut frames = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(_) => frames += 1,
            Err(error) => {
                let rejection = Rejection::find(&error).expect("cut off by us");
                return (frames, Some(rejection.kind().clone()));
            }
        }
    }
    (frames, None)
}

#[tokio::test(start_paused = true)]
async fn a_body_is_cut_by_the_deadline_or_by_silence() {
    let api = || layer(TimeoutConfig::api());
    let streaming = || layer(TimeoutConfig::streaming());
    let total = exceeded(Phase::Body, 30 * S);
    let idle = exceeded(Phase::BodyIdle, 30 * S);
    let table = [
        (api(), S, 30, total),
        (streaming(), 31 * S, 0, idle.clone()),
        (layer(TimeoutConfig::upload()), 31 * S, 0, idle),
    ];
    for (layer, every, frames, kind) in table {
        let app = Router::new().route("/", get(async move || ticking(every)));
        let handle = layer.handle();
        let response = app.layer(layer).oneshot(request()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(read(response.into_body()).await, (frames, Some(kind)));
        let now = handle.snapshot();
        assert_eq!(now.exceeded_body + now.exceeded_body_idle, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_but_steady_stream_lives_for_ten_minutes() {
    let app = Router::new().route("/", get(async || ticking(S)));
    let app = app.layer(layer(TimeoutConfig::streaming()));
    let mut body = app.oneshot(request()).await.unwrap().into_body();
    for _ in 0..600 {
        assert!(body.frame().await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_the_caller_ends_even_a_stream() {
    let app = Router::new().route("/", get(async || ticking(S)));
    let mut request = request();
    request
        .headers_mut()
        .insert("x-request-timeout", "5500ms".parse().unwrap());
    let response = app
        .layer(layer(TimeoutConfig::streaming()))
        .oneshot(request);
    let body = response.await.unwrap().into_body();
    let kind = exceeded(Phase::Body, 5500 * MS);
    assert_eq!(read(body).await, (5, Some(kind)));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_visible_while_the_body_is_made() {
    let handler = async || {
        Body::from_stream(stream::once(async {
            Ok::<_, Infallible>(format!("{:?}", deadline().map(Deadline::remaining)))
        }))
    };
    let app = Router::new().route("/", get(handler));
    let response = app
        .layer(TimeoutLayer::new(S))
        .oneshot(request())
        .await
        .unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "Some(1s)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_sending_gets_a_408_whatever_the_handler_says() {
    let app = Router::new()
        .route("/", post(async |body: Bytes| body))
        .layer(RequestBodyTimeoutLayer::new(10 * S))
        .layer(layer(TimeoutConfig::upload()));
    let (sender, body) = by_hand();
    let upload = Request::post("/").body(Body::new(body)).unwrap();
    let call = tokio::spawn(app.clone().oneshot(upload));
    let start = Instant::now();
    for _ in 0..3 {
        sleep(9 * S).await;
        sender.send(Bytes::from_static(b"slow ")).unwrap();
    }
    let response = call.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), 37 * S);
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    let rejection = Rejection::of(&response).unwrap();
    assert_eq!(*rejection.kind(), exceeded(Phase::RequestBody, 10 * S));

    let whole = Request::post("/").body(Body::from("whole")).unwrap();
    let bytes = app
        .oneshot(whole)
        .await
        .unwrap()
        .into_body()
        .collect()
        .await;
    assert_eq!(bytes.unwrap().to_bytes(), "whole");
}

#[tokio::test]
async fn it_stands_on_sockets_before_a_server_and_a_hyper_client() {
    let config = TimeoutConfig {
        timeout: Some(50 * MS),
        ..TimeoutConfig::api()
    };
    let app = Router::new()
        .route("/hang", get(pending::<()>))
        .route(
            "/stall",
            get(async || {
                let first = stream::once(async { Ok::<_, Infallible>("a") });
                Body::from_stream(first.chain(stream::pending()))
            }),
        )
        .layer(layer(config));
    let address = serve(app).await;
    let patient = client();
    let answer = patient.request(request_to(address, "/hang")).await.unwrap();
    assert_eq!(answer.status(), 503);
    let answer = patient
        .request(request_to(address, "/stall"))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(
        answer.into_body().collect().await.is_err(),
        "the body broke off"
    );

    let hurried = ServiceBuilder::new()
        .layer(layer(TimeoutConfig::attempt(10 * MS)))
        .service(client());
    let answer = hurried.oneshot(request_to(address, "/hang")).await.unwrap();
    assert_eq!(answer.status(), 504);
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_has_a_deadline_too() {
    for (pause, frames, cut) in [(Duration::ZERO, 30, false), (S, 3, true)] {
        let service = ServiceBuilder::new()
            .layer(TimeoutLayer::new(2 * S))
            .service_fn(async |_: Request<Body>| {
                let frames = stream::iter((0..30).map(|_| Ok::<_, Infallible>("there at once")));
                Ok::<_, Infallible>(http::Response::new(Body::from_stream(frames)))
            });
        let answer = service.oneshot(request()).await.unwrap();
        let mut body = Body::new(answer.into_body());
        let (mut read, mut why) = (0, None);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(_) => read += 1,
                Err(error) => why = Rejection::find(&error).map(|refusal| refusal.kind().clone()),
            }
            sleep(pause).await;
        }
        assert!(
            read <= frames && read + 1 >= frames,
            "{read} frames with {pause:?} between them"
        );
        let in_body = |kind: Kind| {
            matches!(
                kind,
                Kind::DeadlineExceeded {
                    phase: Phase::Body,
                    ..
                }
            )
        };
        assert_eq!(why.is_some_and(in_body), cut, "{pause:?}");
    }
}
