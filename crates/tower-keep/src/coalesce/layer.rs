use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    Coalesce, CoalesceConfig, CoalesceHandle, Kept, KeyRule, PlainBy, board::Board, shared::Live,
};
use crate::{
    common::macros::naming,
    config::ConfigError,
    protocol::{Grpc, Head, Http},
};

/// Asks once for what many want at once; see the [module](super).
///
/// A clone shares the same answers, and so does every service the layer makes: they must be the same
/// service, or their requests differ by key.
pub struct CoalesceLayer<P = Http, T = Kept> {
    board: Arc<Board<T>>,
    rule: Option<Arc<KeyRule>>,
    protocol: P,
}

impl CoalesceLayer {
    /// With the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(CoalesceConfig::default()).expect("the defaults are in range")
    }

    /// As configured.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: CoalesceConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            board: Arc::new(Board::new(Arc::new(Live::new(config)?))),
            rule: None,
            protocol: Http::new(),
        })
    }

    /// For services that are not HTTP, whose answers can be cloned: requests with equal keys share one,
    /// those without a key do not. A leader's `Err` is its own: others ask again.
    ///
    /// ```
    /// use tower_keep::coalesce::CoalesceLayer;
    ///
    /// let layer = CoalesceLayer::new().plain_by(|symbol: &String| Some(symbol.clone()));
    /// # let service = tower_layer::Layer::layer(&layer, tower::service_fn(|symbol: String| async move { Ok::<_, tower_keep::BoxError>(symbol.len()) }));
    /// # fn is<S: tower_service::Service<String, Response = usize>>(_: S) {}
    /// # is(service);
    /// ```
    pub fn plain_by<F, Req, K, Res>(self, key: F) -> CoalesceLayer<PlainBy<F, Res>, Res>
    where
        F: Fn(&Req) -> Option<K>,
        K: Into<Vec<u8>>,
        Res: Clone,
    {
        CoalesceLayer {
            board: Arc::new(Board::new(self.board.live.clone())),
            rule: None,
            protocol: PlainBy::new(key),
        }
    }

    /// For services that speak nothing but gRPC. Give it a [key](Self::key): there is no usual one.
    #[must_use]
    pub fn grpc(self) -> CoalesceLayer<Grpc> {
        CoalesceLayer {
            board: self.board,
            rule: self.rule,
            protocol: Grpc::new(),
        }
    }
}

impl<P> CoalesceLayer<P> {
    /// Says which requests want the same, in place of the usual key: those with equal ones. `None`:
    /// this one wants something of its own.
    ///
    /// Whatever the answer depends on must be in it: the caller's identity, the `Accept` fields. The
    /// rule sees the head only, so it must not share requests that differ by body. Answers with
    /// `Set-Cookie`, `private`, `no-store` or `Vary: *` are not shared all the same. Clones made before
    /// keep the rule they have.
    #[must_use]
    pub fn key<K: Into<Vec<u8>>>(
        mut self,
        rule: impl Fn(&Head<'_>) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        self.rule = Some(Arc::new(move |head: &Head<'_>| rule(head).map(Into::into)));
        self
    }
}

impl<P, T> CoalesceLayer<P, T> {
    naming!(self => self.board.live.emitter);

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> CoalesceHandle {
        CoalesceHandle::new(self.board.live.clone())
    }
}

impl Default for CoalesceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, P: Clone, T> Layer<S> for CoalesceLayer<P, T> {
    type Service = Coalesce<S, P, T>;

    fn layer(&self, inner: S) -> Self::Service {
        let (board, rule) = (self.board.clone(), self.rule.clone());
        Coalesce::new(inner, board, rule, self.protocol.clone())
    }
}

// By hand: answers need not be `Clone` for that.
impl<P: Clone, T> Clone for CoalesceLayer<P, T> {
    fn clone(&self) -> Self {
        Self {
            board: self.board.clone(),
            rule: self.rule.clone(),
            protocol: self.protocol.clone(),
        }
    }
}

impl<P, T> fmt::Debug for CoalesceLayer<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoalesceLayer")
            .field("board", &self.board)
            .finish_non_exhaustive()
    }
}
