//! A service for further attempts, kept without a clone of it for each call.

use std::sync::Arc;

use super::{
    rare::Rare,
    sync::{Mutex, lock},
};

/// What a service gives its calls of itself: what they share, and a service to try again with.
///
/// To clone a service is to clone all that is inside, and most calls never need the clone. So a service
/// that is called again and again makes one, which its calls share, and each takes a clone of that when
/// it has to. A service that is called once, as the clone of a server's or a client's often is, gives
/// itself away.
pub(crate) struct Spare<S, T, O> {
    /// None before the second call, and after somebody may have changed the service inside.
    kept: Option<Arc<Kept<S, T, O>>>,
    is_used: bool,
}

/// What the calls of one service share. Nobody else counts its references, so cores share the count
/// only if one service is called on several of them.
pub(crate) struct Kept<S, T, O> {
    /// What calls of other services share too.
    pub(crate) shared: T,
    /// What only these do.
    pub(crate) own: O,
    /// Locked by a call that has to try again, and for the time of a clone. It makes a service `Sync`
    /// that is none.
    service: Mutex<S>,
}

/// What a call holds of it.
pub(crate) enum Held<S, T, O> {
    Kept(Arc<Kept<S, T, O>>),
    Own(Rare<Own<S, T>>),
}

/// The service that took the call, which was given away.
pub(crate) struct Own<S, T> {
    shared: T,
    /// None once it is taken.
    service: Option<S>,
}

impl<S, T, O> Spare<S, T, O> {
    pub(crate) const fn new() -> Self {
        Self {
            kept: None,
            is_used: false,
        }
    }

    /// Whether the next call shares what others do: then the service is called where it is, and not
    /// given away.
    #[inline]
    pub(crate) fn kept(&self) -> Option<&Arc<Kept<S, T, O>>> {
        self.kept.as_ref()
    }

    /// What a call shares that is not the first.
    pub(crate) fn again(
        &mut self,
        service: &S,
        shared: &T,
        own: impl FnOnce() -> O,
    ) -> Option<Arc<Kept<S, T, O>>>
    where
        S: Clone,
        T: Clone,
    {
        if !self.is_used {
            self.is_used = true;
            return None;
        }
        let make = || {
            Arc::new(Kept {
                shared: shared.clone(),
                own: own(),
                service: Mutex::new(service.clone()),
            })
        };
        Some(self.kept.get_or_insert_with(make).clone())
    }

    /// The service inside may become another.
    pub(crate) fn forget(&mut self) {
        self.kept = None;
    }
}

/// A clone of a service begins anew, so that two cores that have one each share nothing.
impl<S, T, O> Clone for Spare<S, T, O> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<S, T, O> Held<S, T, O> {
    /// For a call of a service that gives itself away.
    pub(crate) const fn own(shared: T, service: S) -> Self {
        Self::Own(Rare::new(Own {
            shared,
            service: Some(service),
        }))
    }

    #[inline]
    pub(crate) fn shared(&self) -> &T {
        match self {
            Self::Kept(kept) => &kept.shared,
            Self::Own(own) => &own.part().shared,
        }
    }

    /// There will be no further attempt: a service of its own gives back what it holds.
    #[cfg(feature = "hedge")]
    pub(crate) fn let_go(&mut self) {
        if let Self::Own(own) = self {
            own.part_mut().service = None;
        }
    }

    /// The service for further attempts; asked for once.
    pub(crate) fn take(&mut self) -> S
    where
        S: Clone,
    {
        match self {
            Self::Kept(kept) => lock(&kept.service).clone(),
            Self::Own(own) => own.part_mut().service.take().expect("asked for once"),
        }
    }
}
