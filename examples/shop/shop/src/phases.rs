//! What happens when.

use std::time::Duration;

use shop_kit::{flow::Flow, server::StartError};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    faults,
    screen::Screen,
    system::System,
    visitors::Visitors,
    web::{Web, open_orders},
};

/// Payments, or by choreography the card network, is disturbed this long after the first order, for so long.
const PAYMENTS: (Duration, Duration) = (Duration::from_secs(3), Duration::from_millis(4500));
/// The inventory service is killed then.
const INVENTORY: (Duration, Duration) = (Duration::from_secs(9), Duration::from_secs(2));
/// The flood comes then.
const FLOOD: (Duration, Duration) = (Duration::from_secs(14), Duration::from_secs(3));

/// From when to when something was the matter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phase {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Phases {
    pub(crate) payments: Phase,
    pub(crate) inventory: Phase,
    pub(crate) flood: Phase,
}

/// Lets all of it happen. The flood is many visitors, and the scraper is one of them.
pub(crate) async fn happen(
    flow: Flow,
    system: &mut System,
    screen: &Screen,
    crowd: &Visitors,
    scraper: &Visitors,
) -> Result<Phases, StartError> {
    let start = Instant::now();
    let troubled = match flow {
        Flow::Orchestration => "payments",
        Flow::Choreography => "the card network",
    };
    let orders = Web::new(system.orders.address());
    system.disturb_inventory(faults::late_now_and_then())?;

    sleep_until(start + PAYMENTS.0).await;
    screen.line(format!(
        ">>> chaos in {troubled}: a third of the calls fail, a third hang, a third are done and their answer is lost",
    ));
    let began = Instant::now();
    system.disturb_payments(faults::down())?;
    sleep(PAYMENTS.1).await;
    let waiting = open_orders(&orders).await?;
    system.leave_payments_alone();
    let payments = ended(began);
    screen.line(format!(
        ">>> {troubled} is left alone again; {waiting} orders wait for it"
    ));

    sleep_until(start + INVENTORY.0).await;
    screen.line(">>> the inventory service is killed: port closed, connections broken");
    let began = Instant::now();
    system.kill_inventory().await;
    sleep(INVENTORY.1).await;
    let waiting = open_orders(&orders).await?;
    system.restart_inventory().await?;
    system.disturb_inventory(faults::late_now_and_then())?;
    let inventory = ended(began);
    screen.line(format!(
        ">>> the inventory service is back, same port, same database; {waiting} orders wait for it"
    ));

    sleep_until(start + FLOOD.0).await;
    screen
        .line(">>> a crowd comes to look around, a scraper with it, and product pages take longer");
    let began = Instant::now();
    system.disturb_inventory(faults::late())?;
    tokio::join!(crowd.look_around(FLOOD.1), scraper.look_around(FLOOD.1));
    system.disturb_inventory(faults::late_now_and_then())?;
    let flood = ended(began);
    screen.line(">>> the crowd has gone");
    Ok(Phases {
        payments,
        inventory,
        flood,
    })
}

fn ended(began: Instant) -> Phase {
    Phase {
        began,
        ended: Instant::now(),
    }
}
