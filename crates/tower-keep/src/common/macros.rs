/// `get_ref`, `get_mut` and `into_inner` of a service with a field `inner`.
macro_rules! inner_accessors {
    () => {
        /// The service inside.
        pub fn get_ref(&self) -> &S {
            &self.inner
        }

        /// The service inside, to change it.
        pub fn get_mut(&mut self) -> &mut S {
            &mut self.inner
        }

        /// Takes the service out of the layer.
        pub fn into_inner(self) -> S {
            self.inner
        }
    };
}

/// The conversions from the default protocol of a layer `$layer<P>` that has a field `protocol`.
/// State is kept: the converted layer shares it with every clone made before.
macro_rules! protocol_conversions {
    ($layer:ident { $($field:ident),* }) => {
        impl $layer {
            /// For services that are not HTTP: a refusal is `Err(E)` where `E: CarriesRejection`.
            ///
            /// [`BoxError`](crate::BoxError) has that conversion; an error enum of your own needs
            /// one `From<Rejection>`.
            pub fn plain(self) -> $layer<$crate::protocol::Plain> {
                self.with_protocol($crate::protocol::Plain::new())
            }

            /// For services that speak nothing but gRPC: every refusal is a trailers-only status.
            ///
            /// The default protocol answers gRPC requests so as well, but has to look at each
            /// HTTP/2 request's content type first.
            pub fn grpc(self) -> $layer<$crate::protocol::Grpc> {
                self.with_protocol($crate::protocol::Grpc::new())
            }
        }

        impl<P> $layer<P> {
            /// Speaks another [protocol](crate::protocol).
            pub fn with_protocol<Q>(self, protocol: Q) -> $layer<Q> {
                $layer { protocol, $($field: self.$field),* }
            }
        }
    };
}

/// `named` and `observe` of a layer, whose emitter is this expression.
macro_rules! naming {
    ($layer:ident => $emitter:expr) => {
        /// Names it in events, metrics, refusals and snapshots, for all clones.
        #[must_use]
        pub fn named($layer, name: impl AsRef<str>) -> Self {
            $emitter.rename(name);
            $layer
        }

        /// Tells `observer` what happens.
        #[must_use]
        pub fn observe($layer, observer: impl $crate::observe::Observer + 'static) -> Self {
            $emitter.observe(observer);
            $layer
        }
    };
}

pub(crate) use {inner_accessors, naming, protocol_conversions};
