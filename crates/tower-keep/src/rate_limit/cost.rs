use std::{fmt, sync::Arc};

/// What calls cost, before and after.
///
/// A layer is made with [`One`]; [`cost`](super::RateLimitLayer::cost) and
/// [`metered`](super::RateLimitLayer::metered) take closures.
pub trait Price<Req, Res>: Clone {
    /// Whether each call costs one and nothing is known better afterwards.
    const FLAT: bool = false;

    /// Whether the request gets a [`Meter`](super::Meter) if it has none.
    const METERED: bool = false;

    /// What a call costs as far as can be told from its request; 0 lets it pass without being counted.
    fn estimate(&self, request: &Req) -> u64;

    /// What it has cost, if the answer tells.
    fn actual(&self, response: &Res) -> Option<u64> {
        let _ = response;
        None
    }
}

/// Each call costs one.
#[derive(Clone, Copy, Debug, Default)]
pub struct One;

impl<Req, Res> Price<Req, Res> for One {
    const FLAT: bool = true;

    fn estimate(&self, _: &Req) -> u64 {
        1
    }
}

/// What a closure over the request says.
pub struct ByRequest<F>(pub(super) Arc<F>);

impl<Req, Res, F: Fn(&Req) -> u64> Price<Req, Res> for ByRequest<F> {
    fn estimate(&self, request: &Req) -> u64 {
        (self.0)(request)
    }
}

/// What a closure over the request says, until one over the answer or a [`Meter`](super::Meter) knows
/// better.
pub struct Metered<F, A>(pub(super) Arc<(F, A)>);

impl<Req, Res, F, A> Price<Req, Res> for Metered<F, A>
where
    F: Fn(&Req) -> u64,
    A: Fn(&Res) -> Option<u64>,
{
    const METERED: bool = true;

    fn estimate(&self, request: &Req) -> u64 {
        (self.0.0)(request)
    }

    fn actual(&self, response: &Res) -> Option<u64> {
        (self.0.1)(response)
    }
}

// By hand: a closure need not be `Clone` for its `Arc` to be.
impl<F> Clone for ByRequest<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F, A> Clone for Metered<F, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F> fmt::Debug for ByRequest<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByRequest").finish_non_exhaustive()
    }
}

impl<F, A> fmt::Debug for Metered<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered").finish_non_exhaustive()
    }
}
