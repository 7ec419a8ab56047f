use std::{
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Weak},
};

use tower::discover::{Change, Discover};

use super::{endpoint::Endpoint, pool::Pool};
use crate::BoxError;

/// Follows `discovery` for as long as there is a pool.
pub(super) async fn drive<D, S, F>(pool: Weak<Pool<S>>, discovery: D, mut make: F)
where
    D: Discover,
    D::Key: fmt::Display,
    D::Error: Into<BoxError>,
    F: FnMut(&D::Key, D::Service) -> S,
{
    let mut discovery = pin!(discovery);
    let mut known: Vec<(D::Key, Arc<Endpoint>)> = Vec::new();
    while let Some(change) = poll_fn(|cx| discovery.as_mut().poll_discover(cx)).await {
        let Some(pool) = pool.upgrade() else { return };
        let change = match change {
            Ok(change) => change,
            Err(error) => {
                pool.core.heard(Some(error.into().to_string()));
                continue;
            }
        };
        pool.core.heard(None);
        match change {
            Change::Insert(key, found) => {
                let service = make(&key, found);
                let old = place(&known, &key).map(|place| known.swap_remove(place).1);
                let endpoint = pool.insert(key.to_string(), service, old.as_deref());
                known.push((key, endpoint));
            }
            Change::Remove(key) => {
                if let Some(place) = place(&known, &key) {
                    pool.remove(&known.swap_remove(place).1);
                }
            }
        }
    }
}

fn place<K: Eq>(known: &[(K, Arc<Endpoint>)], key: &K) -> Option<usize> {
    known.iter().position(|(one, _)| one == key)
}
