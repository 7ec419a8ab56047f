use shop_kit::money::{Currency, Money};

use crate::domain::Card;

/// The cards of the demo, called after their customers: most can pay, `cus_ivan` soon cannot,
/// `cus_judy`'s is blocked.
pub(crate) fn cards() -> Vec<(&'static str, Card)> {
    let rich = [
        "cus_anna", "cus_bela", "cus_carl", "cus_dora", "cus_emil", "cus_fumi", "cus_gwen",
        "cus_hugo",
    ];
    let card = |minor, blocked| Card {
        balance: Money::new(minor, Currency::EUR),
        blocked,
    };
    let mut cards: Vec<_> = rich.map(|id| (id, card(500_000, false))).into();
    cards.push(("cus_ivan", card(9_000, false)));
    cards.push(("cus_judy", card(500_000, true)));
    cards
}
