use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body::Body as HttpBody;

use super::{
    InFlight, Paths, Phase,
    page::{self, Status},
    registry::Registry,
};
use crate::protocol::Body;

/// Which question was asked. It is in the extensions of the answer, so that a layer outside, such as
/// an access log, can leave probes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probe {
    /// Must it be restarted?
    Live,
    /// May it have traffic?
    Ready,
    /// Has it started?
    Startup,
    /// How is it?
    Health,
}

impl Probe {
    /// The probe that is answered at `path`.
    #[inline]
    pub(super) fn at(path: &str, paths: &Paths) -> Option<Self> {
        // A request's path is never empty, so an empty one of ours is never met.
        [
            (&paths.live, Self::Live),
            (&paths.ready, Self::Ready),
            (&paths.startup, Self::Startup),
            (&paths.health, Self::Health),
        ]
        .into_iter()
        .find_map(|(at, probe)| (path == at && !at.is_empty()).then_some(probe))
    }
}

/// Answers a probe.
pub(super) fn answer<B: HttpBody>(
    registry: &Registry,
    probe: Probe,
    method: &Method,
) -> Response<Body<B, InFlight>> {
    let head_only = method == Method::HEAD;
    let mut response = if head_only || method == Method::GET {
        registry.start_checks();
        say(registry, probe, head_only)
    } else {
        let mut response = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "ask with GET or HEAD",
            false,
        );
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        response
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(probe);
    response
}

fn say<B: HttpBody>(
    registry: &Registry,
    probe: Probe,
    head_only: bool,
) -> Response<Body<B, InFlight>> {
    const NO: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    match probe {
        Probe::Live => text(StatusCode::OK, "alive", head_only),
        Probe::Startup => match registry.lifecycle.phase() {
            Phase::Starting => text(NO, "starting", head_only),
            _ => text(StatusCode::OK, "started", head_only),
        },
        Probe::Ready => match registry.obstacles() {
            none if none.is_empty() => text(StatusCode::OK, "ready", head_only),
            some => text(NO, format!("not ready: {}", some.join("; ")), head_only),
        },
        Probe::Health => {
            let (status, json) = page::render(registry);
            let code = match status {
                Status::Pass | Status::Warn => StatusCode::OK,
                Status::Fail => NO,
            };
            full(code, "application/health+json", json, head_only)
        }
    }
}

fn text<B: HttpBody>(
    code: StatusCode,
    text: impl Into<String>,
    head_only: bool,
) -> Response<Body<B, InFlight>> {
    let line = text.into() + "\n";
    full(code, "text/plain; charset=utf-8", line.into(), head_only)
}

fn full<B: HttpBody>(
    code: StatusCode,
    content_type: &'static str,
    bytes: Bytes,
    head_only: bool,
) -> Response<Body<B, InFlight>> {
    let length = bytes.len();
    let mut response = Response::new(Body::full(if head_only { Bytes::new() } else { bytes }));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Said here since the answer to HEAD has the length of a body that it does not have.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}
