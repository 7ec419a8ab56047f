//! What is read without a lock and replaced as a whole, and what stands in for it in a model.

#[cfg(all(test, keep_loom))]
pub(crate) use self::modelled::{ArcSwap, Guard};
#[cfg(not(all(test, keep_loom)))]
pub(crate) use arc_swap::{ArcSwap, Guard};

/// loom does not see into arc_swap, and so not either that whoever finds a value finds all of it.
#[cfg(all(test, keep_loom))]
mod modelled {
    use std::{mem, ops::Deref, sync::Arc};

    use crate::common::sync::{self, Mutex};

    #[derive(Default)]
    pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

    pub(crate) struct Guard<A>(A);

    impl<T> ArcSwap<T> {
        pub(crate) fn from_pointee(value: T) -> Self {
            Self(Mutex::new(Arc::new(value)))
        }

        pub(crate) fn load(&self) -> Guard<Arc<T>> {
            Guard(sync::lock(&self.0).clone())
        }

        pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
            mem::replace(&mut *sync::lock(&self.0), value)
        }
    }

    impl<A> Deref for Guard<A> {
        type Target = A;

        fn deref(&self) -> &A {
            &self.0
        }
    }
}
