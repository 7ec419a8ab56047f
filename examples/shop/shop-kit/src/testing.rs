//! Databases for tests, as the durable companion makes them, and buses on which everything goes wrong
//! that may.

use std::{fmt::Debug, time::Duration};

pub use tower_keep_durable::testing::{TestDb, on_postgres};

use tower_keep_durable::testing::Faults;

use crate::page::Page;

/// How long an event waits on a bus with faults that was lost, or was with a service which was killed.
pub(crate) const FAULTY_LEASE: Duration = Duration::from_secs(1);

/// The bus of this URL with faults, some of everything, in an order that follows from `seed`. Joining
/// it may fail, so a service may have to be started more than once.
#[must_use]
pub fn with_faults(seed: u64, url: &str) -> String {
    format!("{FAULTY}{seed}:{url}")
}

const FAULTY: &str = "faulty:";

/// What [`with_faults`] has put together.
pub(crate) fn faulty(url: &str) -> Option<(Faults, &str)> {
    let (seed, url) = url.strip_prefix(FAULTY)?.split_once(':')?;
    let faults = Faults {
        // It costs a whole lease each time.
        lose: 1,
        ..Faults::seeded(seed.parse().ok()?)
    };
    Some((faults, url))
}

/// All of a list, read in one piece. Read two at a time, all come once and in the same order.
///
/// # Panics
/// They do not, the list cannot be read, or it is too short to tell.
pub async fn list_in_pieces<T, E, F>(list: impl Fn(Page) -> F, id: impl Fn(&T) -> String) -> Vec<T>
where
    T: PartialEq + Debug,
    E: Debug,
    F: Future<Output = Result<Vec<T>, E>>,
{
    let page = |after: String, limit| list(Page { after, limit });
    let all = page(String::new(), 1000).await.expect("the list is read");
    assert!(all.len() > 3, "{all:?}");
    let mut pieces: Vec<T> = Vec::new();
    loop {
        let after = pieces.last().map_or_else(String::new, &id);
        let piece = page(after, 2).await.expect("the list is read");
        assert!(piece.len() <= 2, "{piece:?}");
        if piece.is_empty() {
            break;
        }
        pieces.extend(piece);
    }
    assert_eq!(pieces, all);
    all
}
