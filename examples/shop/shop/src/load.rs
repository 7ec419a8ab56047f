//! What the customers will do, made up in advance from a fixed seed: every run sends the same.

use std::time::Duration;

use serde_json::{Value, json};

/// Orders per second.
pub(crate) const RATE: u32 = 10;
/// How many orders a run sends.
pub(crate) const ORDERS: usize = 190;
/// How long that takes.
pub(crate) const TIME: Duration = Duration::from_secs(ORDERS as u64 / RATE as u64);
const SEED: u64 = 42;

/// One thing that a customer will do.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    /// When, after the start.
    pub(crate) at: Duration,
    pub(crate) customer: &'static str,
    pub(crate) order: Value,
    /// Clicks twice: sends the same request again after the answer.
    pub(crate) repeats: bool,
    /// Goes away without waiting for the answer.
    pub(crate) hangs_up: bool,
    /// Changes their mind this long after the answer.
    pub(crate) cancels_after: Option<Duration>,
}

/// The customers; each has a card of that name.
pub(crate) const CUSTOMERS: [&str; 10] = [
    "cus_anna", "cus_bela", "cus_carl", "cus_dora", "cus_emil", "cus_fumi", "cus_gwen", "cus_hugo",
    "cus_ivan", "cus_judy",
];
/// With how many chances in all each product is picked.
const PRODUCTS: [(&str, u32); 5] = [
    ("tea", 8),
    ("mug", 6),
    ("lamp", 3),
    ("chair", 1),
    ("telescope", 1),
];

/// All of it, in the order of time.
pub(crate) fn plan() -> Vec<Intent> {
    let mut rng = fastrand::Rng::with_seed(SEED);
    (0..ORDERS)
        .map(|at| {
            let customer = CUSTOMERS[rng.usize(..CUSTOMERS.len())];
            let first = product(&mut rng);
            let mut lines = vec![json!({"product": first, "quantity": rng.u8(1..=3)})];
            let second = product(&mut rng);
            if second != first && rng.bool() {
                lines.push(json!({"product": second, "quantity": 1}));
            }
            Intent {
                at: Duration::from_secs(1) / RATE * u32::try_from(at).unwrap_or(u32::MAX),
                customer,
                order: json!({"customer": customer, "lines": lines}),
                hangs_up: at % 40 == 20,
                repeats: rng.u8(..10) == 0,
                cancels_after: (rng.u8(..12) == 0).then(|| Duration::from_millis(rng.u64(..1500))),
            }
        })
        .collect()
}

fn product(rng: &mut fastrand::Rng) -> &'static str {
    let mut pick = rng.u32(..PRODUCTS.iter().map(|(_, chances)| chances).sum::<u32>());
    for (product, chances) in PRODUCTS {
        if pick < chances {
            return product;
        }
        pick -= chances;
    }
    PRODUCTS[0].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_sends_the_same_at_a_steady_rate() {
        let (one, two) = (plan(), plan());
        assert!(
            one.iter()
                .zip(&two)
                .all(|(a, b)| a.order == b.order && a.cancels_after == b.cancels_after)
        );
        assert!(
            one.windows(2)
                .all(|pair| pair[1].at - pair[0].at == Duration::from_millis(100))
        );
        assert!(
            one.iter().any(|intent| intent.repeats)
                && one.iter().any(|intent| intent.cancels_after.is_some())
        );
    }
}
