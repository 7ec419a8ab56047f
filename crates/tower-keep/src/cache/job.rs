use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body as HttpBody;

use super::{
    Storing,
    conditions::{Conditions, NOT_OURS, not_modified},
    entry::{self, Entry, Refresh},
    shared::{Hit, Shared},
    state::{self, Asked, Freshness, Use},
    store::Epoch,
    storing::Pending,
};
use crate::{
    common::{
        answer::{Answer, Recorder},
        clock::{self, Instant},
    },
    protocol::{Body, Head, Http, Inspect, Protocol, Wire, own_answer},
    rejection::Rejection,
};

/// What becomes of a call.
pub(super) enum Plan<B: HttpBody> {
    Answer(Response<Body<B, Storing>>),
    Call(Job),
}

/// What a call that goes to the service is for.
pub(super) enum Job {
    /// Nothing that is kept.
    Pass,
    /// A change of what is kept under this key.
    Change(Change),
    /// An answer that may be kept.
    Fetch(Box<Fetch>),
}

/// A call that changes something: when it is over, or given up, what is kept of its target is gone.
///
/// One that failed or was dropped may have had its effect all the same.
pub(super) struct Change(Arc<Shared>, Vec<u8>);

impl Change {
    /// The call is over, and may have had no effect for certain.
    fn end(mut self, is_unchanged: bool) {
        if is_unchanged {
            self.1.clear();
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if !self.1.is_empty() {
            self.0.store.invalidate(&self.1);
        }
    }
}

pub(super) struct Fetch {
    key: Vec<u8>,
    asked_at: Epoch,
    /// The caller's fields, for what `Vary` will name.
    request: HeaderMap,
    asked: Asked,
    conditions: Conditions,
    started: Instant,
    /// What there is already.
    entry: Option<Arc<Entry>>,
    /// Whether the service was asked if that is still good.
    asks: bool,
    refresh: Option<Refresh>,
    /// Whether the answer is all of it, and not its head alone.
    is_whole: bool,
    wire: Wire,
}

impl Shared {
    pub(super) fn plan<ReqB, B>(self: &Arc<Self>, request: &mut Request<ReqB>) -> Plan<B>
    where
        ReqB: HttpBody,
        B: HttpBody,
    {
        let wire = Http::new().wire(request);
        let method = request.method();
        if state::invalidates(method) {
            let key = (wire != Wire::Grpc).then(|| self.key(&Head::of(request)));
            let change = key.flatten().map(|key| Change(self.clone(), key));
            return Plan::Call(change.map_or(Job::Pass, Job::Change));
        }
        let is_read = *method == Method::GET || *method == Method::HEAD;
        let headers = request.headers();
        let is_ours = is_read
            && self.is_enabled()
            && request.body().is_end_stream()
            && !headers.contains_key(header::UPGRADE)
            && !NOT_OURS.iter().any(|name| headers.contains_key(name));
        if !is_ours {
            return Plan::Call(Job::Pass);
        }
        let asked = Asked::of(headers, &self.config());
        if asked.says.no_store && !asked.says.only_if_cached {
            return Plan::Call(Job::Pass);
        }
        match self.key(&Head::of(request)) {
            Some(key) => self.plan_read(request, wire, asked, key),
            None => Plan::Call(Job::Pass),
        }
    }

    fn plan_read<ReqB, B: HttpBody>(
        &self,
        request: &mut Request<ReqB>,
        wire: Wire,
        asked: Asked,
        key: Vec<u8>,
    ) -> Plan<B> {
        // Before the look: what is invalidated from here on is not kept.
        let asked_at = self.store.epoch(&key);
        let conditions = Conditions::of(request.headers());
        let mut entry = self.store.get(&key, request.headers());
        let mut refresh = None;
        if let Some(found) = &entry {
            let age = found.age();
            let hit = match found.freshness.of_use(age, asked) {
                Use::Fresh(_) => Some(Hit::Fresh),
                Use::Accepted => Some(Hit::Stale),
                Use::WhileRevalidating => {
                    refresh = found.refresh();
                    // Somebody else asks already, or this one does.
                    refresh.is_none().then_some(Hit::Stale)
                }
                Use::Revalidate => None,
                Use::Never => {
                    entry = None;
                    None
                }
            };
            if let (Some(hit), Some(found)) = (hit, &entry) {
                return Plan::Answer(self.give(found, hit, &conditions, wire));
            }
        }
        if asked.says.only_if_cached {
            let mut answer = Response::new(Bytes::new());
            *answer.status_mut() = StatusCode::GATEWAY_TIMEOUT;
            return Plan::Answer(own_answer(wire, answer));
        }
        let is_whole = wire != Wire::HeadOnly;
        let original = request.headers().clone();
        let asks = is_whole
            && entry
                .as_ref()
                .is_some_and(|entry| entry.ask(request.headers_mut()));
        Plan::Call(Job::Fetch(Box::new(Fetch {
            key,
            asked_at,
            request: original,
            asked,
            conditions,
            started: clock::now(),
            entry,
            asks,
            refresh,
            is_whole,
            wire,
        })))
    }

    /// Answers with an entry.
    fn give<B: HttpBody>(
        &self,
        entry: &Entry,
        hit: Hit,
        conditions: &Conditions,
        wire: Wire,
    ) -> Response<Body<B, Storing>> {
        let age = entry.age();
        self.count_hit(hit);
        let mut headers = entry.headers(age);
        if self.config().cache_status {
            let left = i128::from(entry.freshness.lifetime) - i128::from(age);
            let status = match hit {
                Hit::Fresh | Hit::Stale => self.cache_status(format_args!("hit; ttl={left}")),
                Hit::Revalidated => self.cache_status(format_args!("fwd=stale; fwd-status=304")),
            };
            append_status(&mut headers, status);
        }
        give(&entry.answer, headers, conditions, wire)
    }

    /// What a call that was made comes to.
    pub(super) fn finish<B, E>(
        self: &Arc<Self>,
        job: Job,
        outcome: Result<Response<B>, E>,
    ) -> Result<Response<Body<B, Storing>>, E>
    where
        B: HttpBody,
        E: 'static,
    {
        match job {
            Job::Pass => Http::new().hold(outcome, Storing::none()),
            Job::Change(change) => {
                let is_unchanged = outcome.as_ref().is_ok_and(|answer| {
                    answer.status().is_client_error()
                        || Rejection::of(answer).is_some_and(Rejection::is_unexecuted)
                });
                change.end(is_unchanged);
                Http::new().hold(outcome, Storing::none())
            }
            Job::Fetch(fetch) => self.finish_fetch(*fetch, outcome),
        }
    }

    fn finish_fetch<B, E>(
        self: &Arc<Self>,
        fetch: Fetch,
        outcome: Result<Response<B>, E>,
    ) -> Result<Response<Body<B, Storing>>, E>
    where
        B: HttpBody,
        E: 'static,
    {
        if let Some(entry) = &fetch.entry {
            let is_good =
                |answer: &Response<B>| fetch.asks && answer.status() == StatusCode::NOT_MODIFIED;
            match &outcome {
                Ok(answer) if is_good(answer) => {
                    return Ok(self.freshen(&fetch, entry, answer.headers()));
                }
                Ok(answer) if !state::is_error(answer.status()) => {}
                Ok(_) | Err(_) => {
                    if entry.freshness.survives_error(entry.age(), fetch.asked) {
                        return Ok(self.give(entry, Hit::Stale, &fetch.conditions, fetch.wire));
                    }
                }
            }
        }
        let mut answer = match outcome {
            Ok(answer) => answer,
            error => return Http::new().hold(error, Storing::none()),
        };
        self.count_miss();
        let storing = self.storing(fetch, &mut answer);
        Http::new().hold(Ok(answer), storing)
    }

    /// The service says that an entry is still good.
    fn freshen<B: HttpBody>(
        &self,
        fetch: &Fetch,
        entry: &Entry,
        news: &HeaderMap,
    ) -> Response<Body<B, Storing>> {
        let delay = fetch.started.elapsed().as_secs();
        let config = self.config();
        let (answer, fresh) = entry.freshened(news, fetch.asked, delay, &config);
        match fresh {
            Some(fresh) => {
                let given = self.give(&fresh, Hit::Revalidated, &fetch.conditions, fetch.wire);
                self.store
                    .put(&fetch.key, &fetch.request, fresh, fetch.asked_at);
                given
            }
            None => {
                // It may be given this once, and not be kept any longer.
                self.store.remove(&fetch.key, &fetch.request);
                self.count_hit(Hit::Revalidated);
                give(
                    &answer,
                    answer.headers.clone(),
                    &fetch.conditions,
                    fetch.wire,
                )
            }
        }
    }

    /// What keeps a new answer, if it may be kept; what was there goes, if it may not.
    fn storing<B: HttpBody>(self: &Arc<Self>, fetch: Fetch, answer: &mut Response<B>) -> Storing {
        let config = self.config();
        let arrived = entry::arrived(answer.headers(), fetch.started.elapsed().as_secs());
        let (status, headers) = (answer.status(), answer.headers());
        let freshness = (fetch.is_whole && Rejection::of(answer).is_none())
            .then(|| Freshness::of(fetch.asked, status, headers, arrived, &config))
            .flatten();
        let recorder = freshness.and_then(|_| Recorder::start(fetch.wire, answer, config.max_body));
        if config.cache_status {
            let why = if fetch.entry.is_some() {
                "stale"
            } else {
                "uri-miss"
            };
            let status =
                self.cache_status(format_args!("fwd={why}; fwd-status={}", status.as_u16()));
            append_status(answer.headers_mut(), status);
        }
        let (Some(freshness), Some(recorder)) = (freshness, recorder) else {
            if fetch.entry.is_some() && fetch.is_whole && !status.is_server_error() {
                self.store.remove(&fetch.key, &fetch.request);
            }
            return Storing::none();
        };
        Storing::new(Pending {
            recorder,
            freshness,
            shared: self.clone(),
            key: fetch.key,
            asked_at: fetch.asked_at,
            request: fetch.request,
            since: clock::now(),
            _refresh: fetch.refresh,
        })
    }
}

/// An answer that is kept, or that the caller has it already.
fn give<B: HttpBody>(
    answer: &Arc<Answer>,
    headers: HeaderMap,
    conditions: &Conditions,
    wire: Wire,
) -> Response<Body<B, Storing>> {
    if !conditions.are_met(answer.status, &headers) {
        return answer.respond_with(wire, headers);
    }
    let mut response = Response::new(Body::full(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = not_modified(headers);
    response
}

fn append_status(headers: &mut HeaderMap, status: Option<http::HeaderValue>) {
    if let Some(status) = status {
        // A map that is full of the service's headers goes without.
        let _ = headers.try_append("cache-status", status);
    }
}
