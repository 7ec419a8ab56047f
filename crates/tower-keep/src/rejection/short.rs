//! Refusals that cost no more than they must.

use std::time::Duration;

use super::{Kind, Rejection};
use crate::{
    common::name::Name,
    observe::{Emitter, EventKind},
    protocol::{Guard, Protocol, Wire},
};

/// Why a layer turns calls away that arrive, where that is one reason.
pub(crate) trait Why: Copy {
    /// The layer.
    const LAYER: &'static str;

    fn kind(self) -> Kind;
}

/// A call that was turned away on arrival, as little of it as there has to be until its future is asked:
/// a future is moved, and a [`Rejection`] is long.
pub(crate) struct Short<W> {
    why: W,
    after: Duration,
    name: Name,
}

impl<W: Why> Short<W> {
    /// Turns a call away, and tells of it.
    #[inline]
    pub(crate) fn new(why: W, after: Duration, emitter: &Emitter) -> Self {
        emitter.emit_by(|| EventKind::CallRejected { kind: why.kind() });
        Self {
            why,
            after,
            name: emitter.name(),
        }
    }

    /// The answer. `this` is gone then.
    #[cold]
    #[inline(never)]
    pub(crate) fn answer<G, P, Res, Err>(
        this: &mut Option<Self>,
        protocol: &P,
        wire: Wire,
    ) -> Result<P::Response<G>, Err>
    where
        G: Guard,
        P: Protocol<Res, Err>,
    {
        let this = this.take().expect("polled after completion");
        let rejection = Rejection::new(this.why.kind(), W::LAYER, this.name);
        protocol.reject(wire, rejection.with_retry_after(Some(this.after)))
    }
}
