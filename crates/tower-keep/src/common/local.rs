//! What each thread has its own of; a model checker's threads too, which share one of the system's.

#[cfg(all(test, keep_loom))]
pub(crate) use self::modelled::{Key, thread_local};
#[cfg(not(all(test, keep_loom)))]
pub(crate) use std::thread_local;

#[cfg(all(test, keep_loom))]
mod modelled {
    use std::cell::Cell;

    use loom::thread::{AccessError, LocalKey};

    macro_rules! local {
        ($($(#[$attribute:meta])* static $name:ident: $of:ty = const { $first:expr };)*) => {
            $($(#[$attribute])*
            static $name: $crate::common::local::Key<$of> =
                $crate::common::local::Key(loom::thread::LocalKey {
                    init: || $first,
                    _p: std::marker::PhantomData,
                });)*
        };
    }
    pub(crate) use local as thread_local;

    /// loom's, with what the standard library's can do besides.
    pub(crate) struct Key<T: 'static>(pub(crate) LocalKey<T>);

    impl<T> Key<T> {
        pub(crate) fn with<R>(&'static self, look: impl FnOnce(&T) -> R) -> R {
            self.0.with(look)
        }

        pub(crate) fn try_with<R>(
            &'static self,
            look: impl FnOnce(&T) -> R,
        ) -> Result<R, AccessError> {
            self.0.try_with(look)
        }
    }

    impl<T> Key<Cell<T>> {
        pub(crate) fn get(&'static self) -> T
        where
            T: Copy,
        {
            self.with(Cell::get)
        }

        pub(crate) fn set(&'static self, value: T) {
            self.with(|cell| cell.set(value));
        }

        pub(crate) fn replace(&'static self, value: T) -> T {
            self.with(|cell| cell.replace(value))
        }
    }
}
