//! Running the matrix.

use std::time::Duration;

use axum::{extract::Request, http::StatusCode, response::IntoResponse};

use super::{
    app::{RouterLayer, app, path},
    case::{Case, Outcome, cases},
    client::Client,
    meter::Meter,
};

/// A case that takes longer than this hangs.
const CASE_PATIENCE: Duration = Duration::from_secs(60);

/// How many requests a case sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// So many, each after the response to the one before.
    OneByOne(usize),
    /// So many at once: the handler starts when all of them have arrived or were turned away (or,
    /// when a layer queues some, after a quarter of a second).
    AtOnce(usize),
}

/// Runs every case: a fresh layer each, this load, this handler on all routes. Requests take turns
/// over the case's routes and connections.
///
/// # Panics
///
/// If a case takes longer than a minute, or loopback sockets do not work.
pub async fn run<L, H, F>(load: Load, make_layer: impl Fn() -> L, handler: H) -> Vec<Outcome>
where
    L: RouterLayer,
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output: IntoResponse> + Send + 'static,
{
    let mut outcomes = Vec::new();
    for case in cases() {
        outcomes.push(run_case(case, load, make_layer(), handler.clone()).await);
    }
    outcomes
}

/// Runs one case.
///
/// # Panics
///
/// As [`run`].
pub async fn run_case<L, H, F>(case: Case, load: Load, layer: L, handler: H) -> Outcome
where
    L: RouterLayer,
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output: IntoResponse> + Send + 'static,
{
    let crowd = match load {
        Load::OneByOne(_) => 0,
        Load::AtOnce(requests) => requests,
    };
    let meter = Meter::new(handler, crowd);
    let running = async {
        let client = Client::new(case, app(case, layer, &meter)).await;
        send(case, load, &client, &meter).await
    };
    let Ok(statuses) = tokio::time::timeout(CASE_PATIENCE, running).await else {
        panic!("axum_matrix: {case}: not done after a minute");
    };
    Outcome {
        case,
        hits: meter.hits(),
        peak: meter.peak(),
        statuses,
    }
}

async fn send(case: Case, load: Load, client: &Client, meter: &Meter) -> Vec<StatusCode> {
    let request = |nth| client.send(nth, &path(case, nth));
    match load {
        Load::OneByOne(requests) => {
            let mut statuses = Vec::with_capacity(requests);
            for nth in 0..requests {
                statuses.push(request(nth).await.status);
            }
            statuses
        }
        Load::AtOnce(requests) => {
            let sent = (0..requests).map(|nth| {
                let (request, meter) = (request(nth), meter.clone());
                tokio::spawn(async move {
                    let reply = request.await;
                    if !reply.metered {
                        meter.turned_away();
                    }
                    reply.status
                })
            });
            let mut statuses = Vec::with_capacity(requests);
            // Collected first, so that all of them are under way before the first is awaited.
            for status in sent.collect::<Vec<_>>() {
                statuses.push(
                    status
                        .await
                        .expect("a request reports instead of panicking"),
                );
            }
            statuses
        }
    }
}
