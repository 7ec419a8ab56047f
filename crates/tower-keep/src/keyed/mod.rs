//! One layer for each host, route or tenant: any layer with a state, keyed.
//!
//! A bulkhead that all tenants share is filled by one of them; a breaker that all hosts share opens
//! for all of them when one is down. Keyed, every key has a state of its own, made from the layer
//! when its first call comes: same configuration, protocol, name and listeners.
//!
//! ```
//! use std::borrow::Cow;
//!
//! use tower_keep::{
//!     bulkhead::BulkheadLayer, circuit_breaker::CircuitBreakerLayer, keyed::Key,
//! };
//!
//! // On a client: a breaker for each host.
//! let breakers = CircuitBreakerLayer::new().named("upstream").keyed(Key::host());
//! // On a server: ten calls at once for each tenant.
//! let tenants = BulkheadLayer::new(10).keyed(Key::header("x-tenant"));
//! // Whatever else the head of a request tells.
//! let by_shop = BulkheadLayer::new(10).keyed(Key::by(|head| {
//!     head.uri.path().strip_prefix("/shops/")?.split('/').next().map(Cow::Borrowed)
//! }));
//! // And for services that are not HTTP.
//! struct Quote { symbol: String }
//! let by_symbol = BulkheadLayer::new(10)
//!     .plain()
//!     .keyed(Key::by_request(|quote: &Quote| Some(quote.symbol.as_str().into())));
//! ```
//!
//! # Bounds
//!
//! Callers choose keys, so there is room for [`max_keys`](KeyedLayer::max_keys) of them and no more.
//! When it is full, a new key takes the place of one that is *idle*: nothing in flight, and nothing
//! remembered that a fresh one would not know. A key that is busy, or a breaker that is open, is never
//! pushed out, so nobody gets rid of a limit by sending other keys. One that no call has had for
//! [`forget_after`](KeyedLayer::forget_after) goes too, even if it has something to remember, such as
//! a failure. There is no background task: a new key looks at sixteen others, and no more.
//!
//! If none of these can go, the call goes to the *shared* key ([`EventKind::KeyOverflowed`]). So do
//! calls without a key, and with one of more than 256 bytes: leaving a header out must not be a way
//! around a limit. What should have no limit at all is a matter of routing, or of the layer's own
//! exemptions.
//!
//! # Cost
//!
//! A call whose key is there takes no lock and allocates nothing: one look into a concurrent map, and
//! two counters. The service inside is cloned for each call, as it is by every layer that waits. A
//! breaker of a key takes about 2 KB, a bulkhead less than half of one.
//!
//! # Telling
//!
//! Events carry [`Event::key`], and log lines show it. Metrics do not: a label that callers choose has
//! as many series as they like. All keys share the layer's series, and the states of single keys are
//! counted as `tower_keep_key_state_changes_total`.
//!
//! [`Event::key`]: crate::observe::Event::key
//! [`EventKind::KeyOverflowed`]: crate::observe::EventKind::KeyOverflowed

mod entry;
mod future;
mod handle;
mod key;
mod keyable;
mod keys;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
#[cfg(test)]
mod reference;
mod service;
mod steer;
#[cfg(test)]
mod tests;

pub(crate) use self::keyable::keyed_by;
pub use self::{
    future::ResponseFuture,
    handle::{KeyedHandle, KeyedSnapshot},
    key::{By, ByRequest, Key, KeyOf},
    keyable::Keyable,
    layer::KeyedLayer,
    service::Keyed,
};
