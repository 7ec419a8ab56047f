//! The shutdown from outside, on real sockets. No test waits for the clock: a drain delay of an hour
//! ends when the configuration says so, or time is paused and connections are in memory.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, routing::get, serve::Listener};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{DuplexStream, duplex},
    net::TcpListener,
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tower_keep::{
    BoxError,
    health::{DrainReport, HealthConfig, HealthHandle, HealthLayer, Phase},
    observe::EventKind,
};

use crate::support::{by_hand, client, get as request, text};

const HOUR: Duration = Duration::from_secs(3600);

/// Drains for an hour, and is cut off after two.
fn patient() -> HealthLayer {
    let mut config = HealthConfig::default();
    config.lifecycle.drain_delay = HOUR;
    config.lifecycle.deadline = 2 * HOUR;
    HealthLayer::from_config(config).unwrap()
}

/// Ends the drain delay now.
fn end_drain(handle: &HealthHandle) {
    let mut config = handle.config();
    config.lifecycle.drain_delay = Duration::ZERO;
    handle.update(config).unwrap();
}

/// A server on loopback that is told to stop through its lifecycle.
async fn serve(layer: &HealthLayer, app: Router) -> (SocketAddr, JoinHandle<DrainReport>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = layer.clone();
    let serving = tokio::spawn(async move {
        layer
            .serve_until(listener, app, std::future::pending())
            .await
    });
    (address, serving)
}

#[tokio::test]
async fn a_new_probe_sees_503_while_it_drains_and_what_runs_finishes() {
    let layer = patient();
    let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let app = {
        let (arrived, release) = (arrived.clone(), release.clone());
        Router::new().route(
            "/slow",
            get(async move || {
                arrived.notify_one();
                release.notified().await;
                "done"
            }),
        )
    };
    let (address, serving) = serve(&layer, app).await;
    let slow = tokio::spawn(client().request(request(address, "/slow")));
    arrived.notified().await;
    let ready = client().request(request(address, "/readyz")).await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);

    layer.lifecycle().stop();
    let probe = client().request(request(address, "/readyz")).await.unwrap();
    assert_eq!(probe.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(probe).await, "not ready: draining\n");
    let alive = client().request(request(address, "/livez")).await.unwrap();
    assert_eq!(alive.status(), StatusCode::OK);
    let call = client().request(request(address, "/none")).await.unwrap();
    assert_eq!(call.status(), StatusCode::NOT_FOUND, "still served");
    assert_eq!(call.headers()["connection"], "close");

    end_drain(&layer.handle());
    layer.lifecycle().reached(Phase::Closing).await;
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!serving.is_finished(), "a call is in flight");
    release.notify_one();
    assert_eq!(text(slow.await.unwrap().unwrap()).await, "done");
    let report = serving.await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.finished, 2, "{report:?}");
}

#[tokio::test]
async fn a_streaming_body_is_in_flight_to_its_last_byte() {
    let layer = patient();
    let (frames, body) = by_hand();
    let body = Mutex::new(Some(body));
    let body = Arc::new(body);
    let app = Router::new().route(
        "/stream",
        get(async move || Body::new(body.lock().unwrap().take().unwrap())),
    );
    let (address, serving) = serve(&layer, app).await;
    let mut stream = client().request(request(address, "/stream")).await.unwrap();
    frames.send("one".into()).unwrap();
    let frame = stream.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "one");
    assert_eq!(layer.lifecycle().in_flight(), 1);

    layer.lifecycle().stop();
    end_drain(&layer.handle());
    layer.lifecycle().reached(Phase::Closing).await;
    frames.send("two".into()).unwrap();
    assert_eq!(
        stream
            .body_mut()
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_data()
            .unwrap(),
        "two"
    );
    assert!(!serving.is_finished());
    drop(frames);
    assert!(stream.body_mut().frame().await.is_none());
    layer.lifecycle().idle().await;
    assert!(serving.await.unwrap().is_clean());
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_is_heard_and_a_second_one_does_not_wait() {
    let layer = patient();
    let lifecycle = layer.lifecycle();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = Router::new().route("/", get(std::future::pending::<()>));
    let serving = tokio::spawn(async move { layer.serve(listener, app).await });
    lifecycle.reached(Phase::Ready).await;
    let terminate = async || {
        // The shell's own `kill`: not every system has one as a program.
        let kill = format!("kill -TERM {}", std::process::id());
        let mut shell = tokio::process::Command::new("sh");
        assert!(shell.args(["-c", &kill]).status().await.unwrap().success());
    };
    terminate().await;
    lifecycle.stopping().await;
    assert_eq!(lifecycle.phase(), Phase::Draining);
    terminate().await;
    let report = serving.await.unwrap().unwrap();
    assert_eq!(lifecycle.phase(), Phase::Forced);
    assert!(report.took < HOUR);
}

/// Connections in memory, so that paused time can be trusted.
struct Memory(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Memory {
    type Io = DuplexStream;
    type Addr = &'static str;

    async fn accept(&mut self) -> (DuplexStream, &'static str) {
        match self.0.recv().await {
            Some(io) => (io, "memory"),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<&'static str> {
        Ok("memory")
    }
}

struct InMemory {
    client: MemoryClient,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<DrainReport>,
}

fn in_memory(layer: &HealthLayer, app: Router) -> InMemory {
    let (port, connections) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let layer = layer.clone();
    let serving = tokio::spawn(async move {
        let stop = async { drop(stopped.await) };
        layer.serve_until(Memory(connections), app, stop).await
    });
    InMemory {
        client: MemoryClient(port),
        stop,
        serving,
    }
}

#[derive(Clone)]
struct MemoryClient(mpsc::UnboundedSender<DuplexStream>);

impl MemoryClient {
    /// A call on a connection of its own.
    async fn get(self, path: &'static str) -> Result<http::Response<Incoming>, BoxError> {
        let (ours, theirs) = duplex(1024);
        self.0.send(theirs)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(ours)).await?;
        tokio::spawn(connection);
        let request = Request::get(path).header("host", "memory");
        let request = request.body(Empty::<Bytes>::new())?;
        Ok(sender.send_request(request).await?)
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_finish_is_cut_off_at_the_deadline() {
    let layer = HealthLayer::default();
    let mut events = layer.handle().subscribe(8);
    let app = Router::new().route("/", get(std::future::pending::<()>));
    let server = in_memory(&layer, app);
    let hanging = tokio::spawn(server.client.clone().get("/"));
    sleep(Duration::from_secs(1)).await;
    let told = Instant::now();
    server.stop.send(()).unwrap();
    let report = server.serving.await.unwrap();
    assert_eq!(told.elapsed(), Duration::from_secs(25));
    assert_eq!(report.took, Duration::from_secs(25));
    assert_eq!((report.finished, report.cut_off), (0, 1));
    assert!(hanging.await.unwrap().is_err());
    assert_eq!(layer.lifecycle().in_flight(), 0);
    let mut went = Vec::new();
    while let Some(event) = events.try_next() {
        if let EventKind::StateChanged { from, to, .. } = event.kind {
            went.push((from, to));
        }
    }
    let expected = [
        ("starting", "ready"),
        ("ready", "draining"),
        ("draining", "closing"),
        ("closing", "forced"),
    ];
    assert_eq!(went, expected);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_does_not_delay_the_exit() {
    let layer = HealthLayer::default();
    let server = in_memory(&layer, Router::new());
    // The client keeps its end open without a word, as pools do.
    let (_idle, theirs) = duplex(1024);
    server.client.0.send(theirs).unwrap();
    sleep(Duration::from_secs(1)).await;
    let told = Instant::now();
    server.stop.send(()).unwrap();
    let report = server.serving.await.unwrap();
    assert_eq!(told.elapsed(), Duration::from_secs(5), "the drain delay");
    assert!(report.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_watches_stopping_ends_when_told_and_one_that_does_not_is_cut_off() {
    let layer = HealthLayer::default();
    let lifecycle = layer.lifecycle();
    let ticks = || {
        futures_util::stream::unfold((), |()| async {
            sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, BoxError>(Bytes::from("tick")), ()))
        })
    };
    let app = Router::new()
        .route(
            "/polite",
            get(async move || {
                Body::from_stream(ticks().take_until(Box::pin(lifecycle.stopping())))
            }),
        )
        .route("/endless", get(async move || Body::from_stream(ticks())));
    let server = in_memory(&layer, app);
    let told = Instant::now() + Duration::from_secs(1);
    let read = |path| {
        let client = server.client.clone();
        tokio::spawn(async move {
            let answer = client.get(path).await.unwrap();
            let complete = answer.into_body().collect().await.is_ok();
            (complete, told.elapsed())
        })
    };
    let (polite, endless) = (read("/polite"), read("/endless"));
    sleep(Duration::from_secs(1)).await;
    server.stop.send(()).unwrap();
    assert_eq!(polite.await.unwrap(), (true, Duration::ZERO));
    assert_eq!(endless.await.unwrap(), (false, Duration::from_secs(25)));
    let report = server.serving.await.unwrap();
    assert_eq!((report.finished, report.cut_off), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_warm_up_keeps_it_starting_until_it_says_so() {
    let mut config = HealthConfig::default();
    config.lifecycle.ready_by_hand = true;
    let layer = HealthLayer::from_config(config).unwrap();
    let server = in_memory(&layer, Router::new());
    let code = async |path| {
        let answer = server.client.clone().get(path).await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!((code("/startupz").await, code("/livez").await), (503, 200));
    layer.lifecycle().ready();
    assert_eq!((code("/startupz").await, code("/readyz").await), (200, 200));
}

#[tokio::test(start_paused = true)]
async fn handlers_know_the_peer() {
    let app = Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<&'static str>| async move { peer }),
    );
    let server = in_memory(&HealthLayer::default(), app);
    let answer = server.client.clone().get("/").await.unwrap();
    assert_eq!(text(answer).await, "memory");
}

#[tokio::test(start_paused = true)]
async fn what_is_tracked_by_hand_is_waited_for() {
    let lifecycle = HealthLayer::default().lifecycle();
    let job = lifecycle.track();
    let idle = lifecycle.idle();
    tokio::pin!(idle);
    let second = Duration::from_secs(1);
    lifecycle.stop();
    assert!(timeout(second, idle.as_mut()).await.is_err());
    drop(job);
    timeout(second, idle).await.expect("the last one is gone");
    assert_eq!(lifecycle.finished(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_over_http2_are_cut_off_as_well() {
    let layer = HealthLayer::default();
    let app = Router::new()
        .route("/", get(std::future::pending::<()>))
        .route("/quick", get(|| async { "done" }));
    let server = in_memory(&layer, app);
    let (ours, theirs) = duplex(1024);
    server.client.0.send(theirs).unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(ours))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let call = |path| {
        let request = Request::get(format!("http://memory{path}"));
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        tokio::spawn(sender.clone().send_request(request))
    };
    let hanging = call("/");
    sleep(Duration::from_secs(1)).await;
    server.stop.send(()).unwrap();
    sleep(Duration::from_secs(1)).await;
    let quick = call("/quick").await.unwrap().unwrap();
    assert_eq!(quick.status(), StatusCode::OK, "while it drains");
    assert!(
        quick.headers().get("connection").is_none(),
        "HTTP/2 has no such header"
    );
    drop(quick);
    let report = server.serving.await.unwrap();
    assert_eq!((report.finished, report.cut_off), (1, 1));
    assert!(hanging.await.unwrap().is_err());
    assert!(connection.await.is_ok());
    assert_eq!(layer.lifecycle().in_flight(), 0);
}
