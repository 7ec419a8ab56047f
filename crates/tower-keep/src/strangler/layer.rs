use std::{borrow::Cow, fmt, sync::Arc};

use http::HeaderName;
use tower_layer::Layer;

use super::{
    Compared, NoShadow, ShadowReads, Side, Strangler, StranglerConfig, StranglerHandle,
    shared::Shared,
};
use crate::{common::macros::naming, config::ConfigError, protocol::Head};

/// Puts a new service beside the one inside; see the [module](super).
///
/// A clone is the same strangler, and so is every service the layer makes. On HTTP only; both services
/// answer with the same body type and error type.
#[derive(Clone)]
pub struct StranglerLayer<New, Sh = NoShadow> {
    new: New,
    shadow: Sh,
    shared: Shared,
}

impl<New> StranglerLayer<New> {
    /// A new service that gets nothing yet but what rules give it.
    #[must_use]
    pub fn new(new: New) -> Self {
        Self::from_config(new, StranglerConfig::default()).expect("the defaults are in range")
    }

    /// A new service that gets what the configuration says.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(new: New, config: StranglerConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            new,
            shadow: NoShadow,
            shared: Shared::new(config)?,
        })
    }

    /// Lets [a share](StranglerConfig::shadow_percent) of the reads go to both sides. The caller gets the
    /// answer of the side that the call goes to anyway, as soon as ever; the other call runs in a task
    /// of its own, its request marked as [`Shadowed`](super::Shadowed), and the two answers are compared:
    /// an event `comparison_made` says what differs.
    #[must_use]
    pub fn shadow_reads(self) -> StranglerLayer<New, ShadowReads> {
        StranglerLayer {
            new: self.new,
            shadow: ShadowReads,
            shared: self.shared,
        }
    }
}

// Each of these counts for this layer and its later clones; those made before keep what they have.
impl<New, Sh> StranglerLayer<New, Sh> {
    /// Decides by a rule, before everything else; `None` leaves it to the rest.
    #[must_use]
    pub fn route(
        mut self,
        rule: impl Fn(&Head<'_>) -> Option<Side> + Send + Sync + 'static,
    ) -> Self {
        self.shared.rule = Some(Arc::new(rule));
        self
    }

    /// Lets a request choose by this header: `old` or `new`. Strangers can, too: strip it at the edge if
    /// they should not.
    ///
    /// # Panics
    /// If it is not the name of a header, in lower case.
    #[must_use]
    pub fn by_header(mut self, name: &'static str) -> Self {
        self.shared.header = Some(HeaderName::from_static(name));
        self
    }

    /// Gives the new service everything at these paths and below them.
    #[must_use]
    pub fn paths<T: Into<String>>(mut self, prefixes: impl IntoIterator<Item = T>) -> Self {
        self.shared.paths = prefixes.into_iter().map(Into::into).collect();
        self
    }

    /// Keeps calls with the same key on the same side. Those without a key are shared out at random.
    #[must_use]
    pub fn sticky<F>(mut self, key: F) -> Self
    where
        F: for<'a> Fn(&Head<'a>) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.shared.key = Some(Arc::new(move |head| key(head).map(Cow::Borrowed)));
        self
    }

    /// Compares the old and the new answer in another way: what differs, `None` if nothing does. Without
    /// it status, content type and body are compared.
    #[must_use]
    pub fn compare(
        mut self,
        compare: impl Fn(&Compared<'_>, &Compared<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.shared.compare = Some(Arc::new(compare));
        self
    }

    naming!(self => self.shared.live.emitter);

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> StranglerHandle {
        StranglerHandle::new(self.shared.live.clone())
    }
}

impl<S, New: Clone, Sh: Clone> Layer<S> for StranglerLayer<New, Sh> {
    type Service = Strangler<S, New, Sh>;

    fn layer(&self, inner: S) -> Self::Service {
        Strangler::new(
            inner,
            self.new.clone(),
            self.shadow.clone(),
            self.shared.clone(),
        )
    }
}

impl<New, Sh> fmt::Debug for StranglerLayer<New, Sh> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StranglerLayer")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
