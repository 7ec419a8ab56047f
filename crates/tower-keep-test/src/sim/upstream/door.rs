use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::RETRY_AFTER};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_service::Service;

use super::{Fault, Upstream};
use crate::{
    common::lock,
    sim::{BoxError, Client, Request, World},
};

/// The way to a server: counts what is sent, and loses what the faults say. Extensions stay behind, as
/// they would on a wire: what a layer tells those around it is not for the other side.
pub(super) fn service<S, B>(upstream: &Upstream, world: &World, server: S) -> Client
where
    S: Service<Request, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let (faults, counted) = (upstream.faults.clone(), upstream.counted);
    let taken = Arc::new(Mutex::new(Taken::default()));
    let (faults, world) = (Arc::new(faults), world.clone());
    BoxCloneSyncService::new(service_fn(move |mut request: Request| {
        request.extensions_mut().clear();
        let (faults, world, server) = (faults.clone(), world.clone(), server.clone());
        let taken = taken.clone();
        async move {
            let came = world.elapsed();
            if counted {
                world.tally().sent(came);
            }
            if let Some(fault) = faults.on_the_way(came) {
                return lost(fault).await;
            }
            for fault in faults.at(came) {
                if let Fault::Limited {
                    per_second,
                    retry_after,
                } = fault
                    && !lock(&taken).take(came.as_secs(), per_second)
                {
                    return Ok(too_many(retry_after.as_secs()));
                }
            }
            let answer = server.oneshot(request).await.map_err(Into::into)?;
            match faults.on_the_way(world.elapsed()) {
                Some(fault) => lost(fault).await,
                None => {
                    let mut answer = answer.map(Body::new);
                    answer.extensions_mut().clear();
                    Ok(answer)
                }
            }
        }
    }))
}

async fn lost(fault: Fault) -> Result<Response<Body>, BoxError> {
    if fault == Fault::Hangs {
        std::future::pending::<()>().await;
    }
    Err(Box::new(std::io::Error::from(
        std::io::ErrorKind::ConnectionRefused,
    )))
}

fn too_many(seconds: u64) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

/// How many were let in, in which second.
#[derive(Default)]
struct Taken {
    second: u64,
    calls: u32,
}

impl Taken {
    fn take(&mut self, second: u64, most: u32) -> bool {
        if self.second != second {
            *self = Self { second, calls: 0 };
        }
        self.calls += 1;
        self.calls <= most
    }
}
