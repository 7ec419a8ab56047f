//! What the layers have to have done by the end of a run.

use shop_kit::flow::Flow;

use crate::{
    audit::Audit,
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
    flow: Flow,
    crowds: &Crowds,
    layers: &[Heard],
    phases: &Phases,
    suffered: u64,
    audit: &Audit,
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
    // By choreography orders calls nobody but inventory, for product pages: the one whose calls can be
    // in doubt is payments, and the circuit that has to open is the one to the card network.
    let (troubled, suffers, opens) = match flow {
        Flow::Orchestration => (
            "payments",
            "chaos in payments makes calls suffer",
            "the circuit to payments opens",
        ),
        Flow::Choreography => (
            "cards",
            "chaos in the card network makes calls suffer",
            "the circuit to the card network opens",
        ),
    };
    let (inventory, payments) = (peer("inventory"), peer(troubled));
    let hedges = inventory.map_or(0, |heard| heard.peer.hedge.snapshot().won);
    let opened = payments.and_then(|heard| heard.first("open", phases.payments.began));
    for (holds, promise) in [
        (suffered > 0, suffers),
        (opened.is_some(), opens),
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
        (
            audit.checked > 0,
            "the books are checked while customers order",
        ),
    ] {
        if !holds {
            broken.push(format!("it did not happen that {promise}"));
        }
    }
    broken
}
