use crate::{config::ConfigError, observe::EventKind};

/// A layer that can have a state for each key. Every layer here that has one is.
///
/// Its methods are asked with a lock held, so they must be quick, and must not call anybody.
pub trait Keyable: Sized {
    /// What it is configured by.
    type Config: Clone;
    /// What looks at it and steers it.
    type Handle;

    /// The same layer for a key: fresh state, this configuration, which was checked, and the same
    /// protocol, name and listeners. What it tells carries the key.
    #[must_use]
    fn fork(&self, key: &str, config: Self::Config) -> Self;

    /// Whether nothing is in flight, nobody holds a handle, and its state is that of a fresh one: it
    /// can be dropped, and made again, and no call is treated otherwise for it.
    fn is_idle(&self) -> bool;

    /// Whether nothing is in flight, nobody holds a handle, and what it remembers is worth nothing
    /// once no call has come for long. Not, for instance, that a person forced it open.
    fn is_forgettable(&self) -> bool {
        self.is_idle()
    }

    /// The handle.
    fn steering(&self) -> Self::Handle;

    /// The configuration in force.
    fn configuration(&self) -> Self::Config;

    /// Whether it could work with this configuration.
    ///
    /// # Errors
    /// If it could not.
    fn check(&self, config: &Self::Config) -> Result<(), ConfigError>;

    /// Takes a configuration that was checked. Tells nobody: of a change to ten thousand keys one is
    /// enough to be told of.
    fn configure(&self, config: Self::Config);

    /// Tells those who listen to it.
    fn tell(&self, kind: EventKind);
}

/// The method `keyed` of a layer `$layer<..>`.
macro_rules! keyed_by {
    ($layer:ident<$($param:ident),*>) => {
        impl<$($param),*> $layer<$($param),*>
        where
            Self: $crate::keyed::Keyable,
        {
            /// A state of its own for each `key`: see [`keyed`](crate::keyed).
            ///
            /// Comes after everything else that is said of the layer.
            #[must_use]
            pub fn keyed<K>(self, key: K) -> $crate::keyed::KeyedLayer<Self, K> {
                $crate::keyed::KeyedLayer::new(self, key)
            }
        }
    };
}

pub(crate) use keyed_by;
