use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, Response};
use tower_layer::Layer;

use super::{
    Causes, Failed, Fallback, FallbackConfig, FallbackHandle, NoBackup, Once, With,
    rules::{How, Made, Make, Rule},
    service::Plan,
    shared::Shared,
};
use crate::{
    common::macros::naming,
    config::ConfigError,
    observe::Emitter,
    protocol::{Grpc, Http, Plain},
    replay::{Cloned, MapBody, Replayed, SameBody, Streamed},
};

/// Answers where the service does not; see the [module](super).
///
/// Without rules it changes nothing. Rules are asked in the order in which they were added, and the
/// first that fits the cause and has an answer counts. A clone is the same layer with the same answers
/// kept, and so is every service it makes.
pub struct FallbackLayer<P = Http, T = Response<Bytes>, B = NoBackup, R = Once> {
    plan: Arc<Plan<T>>,
    protocol: P,
    backup: B,
    replay: R,
}

impl Default for FallbackLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl FallbackLayer {
    /// A layer without rules.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(FallbackConfig::default()).expect("the defaults are in range")
    }

    /// A layer without rules.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: FallbackConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            plan: Arc::new(Plan::empty(Arc::new(Shared::new(config)?))),
            protocol: Http::new(),
            backup: NoBackup,
            replay: Once,
        })
    }

    /// For services that are not HTTP: functions see the outcome and give another.
    ///
    /// # Panics
    /// If it has rules already: those are for HTTP.
    #[must_use]
    pub fn plain<T, E>(self) -> FallbackLayer<Plain, Result<T, E>> {
        assert!(
            self.plan.rules.is_empty(),
            "say `plain` before the first rule"
        );
        FallbackLayer {
            plan: Arc::new(Plan::empty(self.plan.shared.clone())),
            protocol: Plain::new(),
            backup: NoBackup,
            replay: Once,
        }
    }
}

impl<T, B, R> FallbackLayer<Http, T, B, R> {
    /// For services that speak nothing but gRPC. What a function gives is sent as it is: give a status
    /// in the headers `content-type` and `grpc-status`; a message needs [another
    /// service](FallbackLayer::when_service).
    #[must_use]
    pub fn grpc(self) -> FallbackLayer<Grpc, T, B, R> {
        self.with_protocol(Grpc::new())
    }
}

impl<P, B, R> FallbackLayer<P, Response<Bytes>, B, R> {
    /// Answers by a function of what went wrong. On gRPC it is passed over, unless the layer is for
    /// [nothing else](Self::grpc).
    #[must_use]
    pub fn when<F, D>(self, causes: impl Into<Causes>, answer: F) -> Self
    where
        F: Fn(&Failed) -> Response<D> + Send + Sync + 'static,
        D: Into<Bytes>,
    {
        self.rule(
            causes,
            make(move |failed, _| Made::Now(answer(&failed).map(Into::into))),
        )
    }

    /// Answers by an async function of what went wrong; otherwise as [`when`](Self::when).
    #[must_use]
    pub fn when_async<F, A, D>(self, causes: impl Into<Causes>, answer: F) -> Self
    where
        F: Fn(Failed) -> A + Send + Sync + 'static,
        A: Future<Output = Response<D>> + Send + 'static,
        D: Into<Bytes>,
    {
        self.rule(
            causes,
            make(move |failed, _| {
                let answer = answer(failed);
                Made::Later(Box::pin(async { answer.await.map(Into::into) }))
            }),
        )
    }

    /// Answers with the last good answer to the same request, if it is kept and not too old.
    ///
    /// Kept are complete 200s to `GET` and `HEAD`, by method, host, target and the headers that
    /// [`keep_headers`](Self::keep_headers) names, within the bounds of [`FallbackConfig`]. Not kept is
    /// what `Cache-Control` says must not be given again unasked (`no-store`, `private`, `no-cache`,
    /// `must-revalidate`), what sets a cookie, what varies with other headers, and what was asked with
    /// `Authorization`, or with a `Cookie` that `keep_headers` does not name. It is given again with `Age` and `Cache-Status` (RFC 9211).
    #[must_use]
    pub fn when_stale(self, causes: impl Into<Causes>) -> Self {
        self.rule(causes, How::Stale)
    }
}

impl<P, T, E, B, R> FallbackLayer<P, Result<T, E>, B, R> {
    /// Answers by a function of what went wrong and of the outcome.
    #[must_use]
    pub fn when<F>(self, causes: impl Into<Causes>, answer: F) -> Self
    where
        F: Fn(&Failed, Result<T, E>) -> Result<T, E> + Send + Sync + 'static,
    {
        self.rule(
            causes,
            make(move |failed, outcome| {
                let outcome = outcome.expect("a plain outcome is a value");
                Made::Now(answer(&failed, outcome))
            }),
        )
    }

    /// Answers by an async function of what went wrong and of the outcome.
    #[must_use]
    pub fn when_async<F, A>(self, causes: impl Into<Causes>, answer: F) -> Self
    where
        F: Fn(Failed, Result<T, E>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.rule(
            causes,
            make(move |failed, outcome| {
                let outcome = outcome.expect("a plain outcome is a value");
                Made::Later(Box::pin(answer(failed, outcome)))
            }),
        )
    }

    /// Asks `service` in place of the one that failed; requests are cloned.
    #[must_use]
    pub fn when_service<S>(
        self,
        causes: impl Into<Causes>,
        service: S,
    ) -> FallbackLayer<P, Result<T, E>, With<S>, Cloned> {
        self.rule(causes, How::Backup)
            .with_backup(With(service), Cloned::default())
    }
}

impl<P> FallbackLayer<P, Response<Bytes>> {
    /// Asks `service` in place of the one that failed: once it is ready, and only if the request may be
    /// sent twice or was certainly not processed. Its answers and errors have the same types: give both
    /// the same layers, or box the bodies of both.
    ///
    /// Both take a [`ReplayBody`](crate::replay::ReplayBody) of the calls' body; see
    /// [`same_body`](FallbackLayer::same_body) and [`map_body`](FallbackLayer::map_body). At most
    /// 64 KiB of a body are kept.
    #[must_use]
    pub fn when_service<S>(
        self,
        causes: impl Into<Causes>,
        service: S,
    ) -> FallbackLayer<P, Response<Bytes>, With<S>, Replayed> {
        self.rule(causes, How::Backup)
            .with_backup(With(service), Replayed::default())
    }
}

impl<P, T, B> FallbackLayer<P, T, B, Replayed<Streamed>> {
    /// For services that take the same body type as the calls have; `rewrap` boxes a
    /// [`ReplayBody`](crate::replay::ReplayBody) as one.
    #[must_use]
    pub fn same_body<F>(self, rewrap: F) -> FallbackLayer<P, T, B, Replayed<SameBody<F>>> {
        FallbackLayer {
            plan: self.plan,
            protocol: self.protocol,
            backup: self.backup,
            replay: Replayed(SameBody(rewrap)),
        }
    }

    /// For services that take a body type of their own; `convert` makes one of a
    /// [`ReplayBody`](crate::replay::ReplayBody).
    #[must_use]
    pub fn map_body<F>(self, convert: F) -> FallbackLayer<P, T, B, Replayed<MapBody<F>>> {
        FallbackLayer {
            plan: self.plan,
            protocol: self.protocol,
            backup: self.backup,
            replay: Replayed(MapBody(convert)),
        }
    }
}

impl<P, T, B, R> FallbackLayer<P, T, B, R> {
    /// Speaks another [protocol](crate::protocol).
    #[must_use]
    pub fn with_protocol<Q>(self, protocol: Q) -> FallbackLayer<Q, T, B, R> {
        FallbackLayer {
            plan: self.plan,
            protocol,
            backup: self.backup,
            replay: self.replay,
        }
    }

    /// Keeps these headers of requests, for functions to see and to tell kept answers apart.
    #[must_use]
    pub fn keep_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        Arc::make_mut(&mut self.plan).headers.extend(names);
        self
    }

    fn rule(mut self, causes: impl Into<Causes>, how: How<T>) -> Self {
        let causes = causes.into();
        Arc::make_mut(&mut self.plan).add(Rule { causes, how });
        self
    }

    fn with_backup<C, Q>(self, backup: C, replay: Q) -> FallbackLayer<P, T, C, Q> {
        FallbackLayer {
            plan: self.plan,
            protocol: self.protocol,
            backup,
            replay,
        }
    }

    naming!(self => self.emitter());

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> FallbackHandle {
        FallbackHandle::new(self.plan.shared.clone())
    }

    fn emitter(&self) -> &Emitter {
        &self.plan.shared.emitter
    }
}

fn make<T, F>(make: F) -> How<T>
where
    F: Fn(Failed, Option<T>) -> Made<T> + Send + Sync + 'static,
{
    let make: Arc<Make<T>> = Arc::new(make);
    How::Make(make)
}

impl<S, P: Clone, T, B: Clone, R: Clone> Layer<S> for FallbackLayer<P, T, B, R> {
    type Service = Fallback<S, P, T, B, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let parts = (
            self.protocol.clone(),
            self.backup.clone(),
            self.replay.clone(),
        );
        Fallback::new(inner, self.plan.clone(), parts)
    }
}

// By hand: what functions give need not be `Clone`.
impl<P: Clone, T, B: Clone, R: Clone> Clone for FallbackLayer<P, T, B, R> {
    fn clone(&self) -> Self {
        Self {
            plan: self.plan.clone(),
            protocol: self.protocol.clone(),
            backup: self.backup.clone(),
            replay: self.replay.clone(),
        }
    }
}

impl<P, T, B, R> fmt::Debug for FallbackLayer<P, T, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackLayer")
            .field("rules", &self.plan.rules)
            .field("shared", &self.plan.shared)
            .finish_non_exhaustive()
    }
}
