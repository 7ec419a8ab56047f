//! What the layers have to have done by the end of a run.

use crate::{
    layers::Heard,
    phases::Phases,
    visitors::{Pages, Visitors},
};

/// Who looked around.
#[derive(Debug)]
pub(crate) struct Crowds {
    /// All the while.
    pub(crate) visitors: Visitors,
    /// In the flood.
    pub(crate) crowd: Visitors,
    /// In the flood, and more than one may.
    pub(crate) scraper: Visitors,
}

/// What was promised and did not happen; empty when all is well.
pub(crate) fn broken(
    crowds: &Crowds,
    layers: &[Heard],
    phases: &Phases,
    suffered: u64,
) -> Vec<String> {
    let Crowds {
        visitors,
        crowd,
        scraper,
    } = crowds;
    let (visitors, crowd, scraper) = (visitors.seen(), crowd.seen(), scraper.seen());
    let mut broken: Vec<String> = [&visitors, &crowd, &scraper]
        .into_iter()
        .flat_map(|Pages { failed, .. }| failed)
        .map(|page| format!("a visitor got neither a page nor a reason to wait: {page}"))
        .collect();
    let peer = |name: &str| layers.iter().find(|heard| heard.peer.name == name);
    let (inventory, payments) = (peer("inventory"), peer("payments"));
    let hedges = inventory.map_or(0, |heard| heard.peer.hedge.snapshot().won);
    let opened = payments.and_then(|heard| heard.first("open", phases.payments.began));
    for (holds, promise) in [
        (suffered > 0, "chaos in payments makes calls suffer"),
        (opened.is_some(), "the circuit to payments opens"),
        (hedges > 0, "a late read is answered by its hedge"),
        (
            visitors.older > 0,
            "pages are older ones while inventory is away",
        ),
        (visitors.fresh > 0, "and new ones otherwise"),
        (crowd.shed > 0, "some of the crowd are turned away"),
        (crowd.fresh > 0, "and some are not"),
        (scraper.limited > 0, "the scraper is told to come back"),
        (crowd.limited == 0, "and nobody else is"),
    ] {
        if !holds {
            broken.push(format!("it did not happen that {promise}"));
        }
    }
    broken
}
