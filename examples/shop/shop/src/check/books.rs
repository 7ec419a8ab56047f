use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    across,
    purse::Purses,
    reading::{Reading, Services},
    sums, within,
};
use crate::web::OPEN;

/// What the books say.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// How many orders are in which state.
    pub(crate) orders: BTreeMap<String, usize>,
    /// The money on all cards, in minor units, by currency.
    pub(crate) money: Purses,
    /// Pieces, by product.
    pub(crate) stock: Purses,
    /// Whether the ledger could be compared with the network and its cards: nothing moved meanwhile.
    pub(crate) is_money_compared: bool,
    /// Whether products could be compared with reservations.
    pub(crate) is_stock_compared: bool,
    /// How often everything was read.
    pub(crate) readings: usize,
    /// What does not add up; empty when all is well.
    pub(crate) wrong: Vec<String>,
}

/// The pause between two readings.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a mistake between services has to stay to be one. Each is real where orders are placed by a
/// saga; where services follow each other's events, what follows a refusal takes its time.
const STAYS: Duration = Duration::from_secs(5);

impl Books {
    /// Orders that are neither completed nor rejected nor cancelled.
    pub(crate) fn open(&self) -> usize {
        OPEN.iter()
            .filter_map(|status| self.orders.get(*status))
            .sum()
    }

    /// Whether nothing was under way, so that all there is was compared.
    pub(crate) fn is_settled(&self) -> bool {
        self.open() == 0 && self.is_money_compared && self.is_stock_compared
    }

    fn of(reading: &Reading) -> Self {
        let mut orders = BTreeMap::new();
        for order in reading.orders.values() {
            *orders.entry(order.status.clone()).or_default() += 1;
        }
        Self {
            orders,
            money: within::money(&reading.cards),
            stock: within::stock(&reading.products),
            ..Self::default()
        }
    }
}

/// Reads and checks everything, and again until nothing is under way, for so long at most. What is
/// under way then stays unsaid.
///
/// # Errors
/// A service gives no answer, or one that cannot be read.
pub(crate) async fn check(services: &Services, patience: Duration) -> Result<Books, String> {
    look(services, patience, false).await
}

/// The same while customers order: once, or until no mistake between services is left that may pass.
///
/// # Errors
/// As [`check`].
pub(crate) async fn during(services: &Services) -> Result<Books, String> {
    look(services, Duration::ZERO, true).await
}

async fn look(services: &Services, patience: Duration, once: bool) -> Result<Books, String> {
    let began = Instant::now();
    // What one service says of itself is wrong if it was wrong once; between services, if it stays.
    let mut within_one = BTreeSet::new();
    let mut stayed: Option<BTreeSet<String>> = None;
    let mut readings = 0;
    loop {
        readings += 1;
        let reading = services.read().await?;
        within_one.extend(within::wrong(&reading));
        let sums = sums::compare(&reading);
        let found: BTreeSet<_> = across::wrong(&reading)
            .into_iter()
            .chain(sums.wrong)
            .collect();
        let found = match stayed.take() {
            Some(before) => before.intersection(&found).cloned().collect(),
            None => found,
        };
        let books = Books {
            is_money_compared: sums.is_money_still,
            is_stock_compared: sums.is_stock_still,
            readings,
            wrong: within_one.iter().chain(&found).cloned().collect(),
            ..Books::of(&reading)
        };
        let elapsed = began.elapsed();
        let is_certain = found.is_empty() || elapsed > STAYS;
        if is_certain && (once || books.is_settled() || elapsed > patience) {
            return Ok(books);
        }
        stayed = (!found.is_empty()).then_some(found);
        sleep(PAUSE).await;
    }
}
