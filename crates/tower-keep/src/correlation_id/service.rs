use std::{cell::LazyCell, fmt, iter, sync::Arc, task};

use http::{HeaderName, HeaderValue, Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;
use uuid::Uuid;

use super::{
    InContext, ResponseFuture, Trust,
    inbound::{self, Brought, Present},
    layer::Generator,
    settings::Settings,
};
use crate::{
    common::{atomic::Relaxed, macros::inner_accessors, unique},
    context::{Context, CorrelationId, Entered, Priority, Scope, TraceParent, read_attempt},
    protocol::{Body, Http, Inspect},
};

/// A service each of whose requests has an id. Made by
/// [`CorrelationIdLayer`](super::CorrelationIdLayer).
#[derive(Clone)]
pub struct CorrelationIdService<S> {
    inner: S,
    settings: Arc<Settings>,
    generator: Option<Arc<Generator>>,
}

impl<S> CorrelationIdService<S> {
    pub(super) fn new(
        inner: S,
        settings: Arc<Settings>,
        generator: Option<Arc<Generator>>,
    ) -> Self {
        Self {
            inner,
            settings,
            generator,
        }
    }

    inner_accessors!();
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for CorrelationIdService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error: 'static>,
    ResBody: HttpBody,
{
    type Response = Response<Body<ResBody, InContext>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    // Where it is put in line, request and future are copied on their way in and out.
    #[inline(never)]
    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        if !self.settings.enabled() {
            // Whatever is outside stays.
            let scope = Scope::new(Context::current(), self.inner.call(request));
            return ResponseFuture::new(scope, None);
        }
        let context = match request.extensions().get::<Context>() {
            // A layer outside has decided. Extensions do not come from the wire.
            Some(context) => context.clone(),
            None => {
                let context = self.receive(&mut request);
                request.extensions_mut().insert(context.clone());
                context
            }
        };
        let mut context = Some(context);
        let entered = Entered::new(&mut context);
        let future = self.inner.call(request);
        drop(entered);
        ResponseFuture::new(Scope::new(context, future), self.settings.response_header())
    }
}

impl<S> CorrelationIdService<S> {
    /// Takes what the request brings, makes what it lacks, and cleans up what was refused.
    fn receive<B>(&self, request: &mut Request<B>) -> Context {
        let Settings {
            header,
            also_accept,
            ..
        } = &*self.settings;
        let present = Present::in_headers(request.headers(), header, also_accept);
        let trust = self.settings.trust();
        // One UUID is the id and the trace if both are new, so that a search for either finds both.
        let uuid = LazyCell::new(unique::uuid as fn() -> Uuid);

        let id = if present.id {
            self.brought_id(request, trust, &uuid)
        } else {
            self.settings.counts().created.fetch_add(1, Relaxed);
            self.new_id(request, &uuid)
        };
        // From anybody: it can only make fewer retries.
        let attempt = if present.attempt {
            read_attempt(request.headers())
        } else {
            1
        };
        let (trace, state) = match self.settings.trace() {
            false => (None, None),
            true if present.trace => self.brought_trace(request, trust, &uuid),
            true => (Some(TraceParent::from_uuid(*uuid)), None),
        };
        let context = Context::build(id, trace, state, attempt);
        if present.priority
            && self.settings.priority()
            && trust == Trust::Accept
            && let Some(priority) = Priority::from_headers(request.headers())
        {
            return context.with_priority(priority);
        }
        context
    }

    /// The id of a request that brings one, though it may not be kept.
    #[inline(never)]
    fn brought_id<B>(
        &self,
        request: &mut Request<B>,
        trust: Trust,
        uuid: &LazyCell<Uuid>,
    ) -> CorrelationId {
        let brought = inbound::correlation_id(request.headers(), self.names(), trust);
        let counts = self.settings.counts();
        let (refused, count) = match brought {
            Brought::Nothing => (false, &counts.created),
            Brought::Accepted(_) => (false, &counts.accepted),
            Brought::Refused => (true, &counts.replaced),
        };
        count.fetch_add(1, Relaxed);
        let id = brought.accepted();
        let id = id.unwrap_or_else(|| self.new_id(request, uuid));
        if refused {
            inbound::overwrite_id(request.headers_mut(), self.names(), &id);
        }
        id
    }

    fn new_id<B>(&self, request: &Request<B>, uuid: &LazyCell<Uuid>) -> CorrelationId {
        let id = self.generate(request);
        id.unwrap_or_else(|| CorrelationId::from_uuid(**uuid))
    }

    /// The place in a trace of a request that brings one, though it may not be kept.
    #[inline(never)]
    fn brought_trace<B>(
        &self,
        request: &mut Request<B>,
        trust: Trust,
        uuid: &LazyCell<Uuid>,
    ) -> (Option<TraceParent>, Option<HeaderValue>) {
        let (trace, state) = match inbound::trace_parent(request.headers(), trust) {
            Brought::Accepted(trace) => (trace, inbound::trace_state(request.headers())),
            Brought::Nothing => (TraceParent::from_uuid(**uuid), None),
            Brought::Refused => {
                let trace = TraceParent::from_uuid(**uuid);
                inbound::overwrite_trace(request.headers_mut(), trace);
                (trace, None)
            }
        };
        (Some(trace), state)
    }

    fn generate<B>(&self, request: &Request<B>) -> Option<CorrelationId> {
        let generator = self.generator.as_ref()?;
        generator(&Http::new().head(request)?)
    }

    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        iter::once(&self.settings.header).chain(&self.settings.also_accept)
    }
}

impl<S> fmt::Debug for CorrelationIdService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorrelationIdService")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
