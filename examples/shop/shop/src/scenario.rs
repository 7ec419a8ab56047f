//! The scenario: customers order, payments dies and comes back, nothing is lost.

use std::time::Duration;

use shop_kit::{
    notices::Notices,
    server::{self, StartError},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::{
    check::{check, count},
    customers::{Customers, tell_counts},
    layers::Layers,
    load,
    options::{Options, Places},
    report::{self, Outage},
    screen::Screen,
    system::System,
    web::Web,
};

/// When the payment service is killed, after the first order.
const KILL_AFTER: Duration = Duration::from_secs(5);
/// How long it stays away.
const OUTAGE: Duration = Duration::from_secs(6);
/// How long pending orders may take after the last order was sent.
const SETTLE_WITHIN: Duration = Duration::from_secs(12);

/// Plays it.
pub(crate) async fn play(options: &Options) -> Result<(), StartError> {
    tokio::select! {
        result = run(options) => result,
        () = server::signal() => Err("interrupted; the databases are left as they are".into()),
    }
}

async fn run(options: &Options) -> Result<(), StartError> {
    let places = options.places()?;
    let (notices, mut lines) = Notices::channel();
    let mut system = System::start(&places, notices.clone()).await?;
    let layers = Layers::watch(&system.peers, &notices);
    introduce(&system, &places);

    let screen = Screen::new(load::ORDERS);
    let customers = Customers::new(Web::new(system.orders.address()), screen.clone());
    let (outage, ()) = tokio::select! {
        both = async { tokio::join!(outage(&mut system, &screen), customers.act(load::plan())) } => both,
        never = tell_counts(&customers) => match never {},
        never = print_lines(&mut lines, &screen) => match never {},
    };
    let outage = outage?;
    screen.close_bar();
    screen.line("the last order was answered");
    tokio::select! {
        result = settle(&system, &screen) => result?,
        never = print_lines(&mut lines, &screen) => match never {},
    }

    let books = check(&system).await?;
    let seen = customers.seen();
    system.stop().await;
    report::print(&seen, &books, &outage, layers.heard());
    if books.wrong.is_empty() && seen.failed.is_empty() {
        say!(
            "No money and no stock was lost or doubled. It took {:.0} s.",
            screen.age().as_secs_f64()
        );
        return Ok(());
    }
    Err(format!(
        "{} entries of the books are wrong, {} customers saw failures",
        books.wrong.len(),
        seen.failed.len()
    )
    .into())
}

fn introduce(system: &System, places: &Places) {
    say!("The shop is open.");
    say!("  orders     http://{}", system.orders.address());
    say!("  payments   http://{}", system.payments_address());
    say!("  inventory  http://{}", system.inventory.address());
    say!("  databases  {}", places.data.display());
    say!(
        "{} orders will come in, {} each second; after {} s the payment service dies for {} s.",
        load::ORDERS,
        load::RATE,
        KILL_AFTER.as_secs(),
        OUTAGE.as_secs(),
    );
    say!();
}

async fn outage(system: &mut System, screen: &Screen) -> Result<Outage, StartError> {
    sleep(KILL_AFTER).await;
    screen.line(">>> the payment service is killed: port closed, connections broken");
    let began = Instant::now();
    system.kill_payments().await;
    sleep(OUTAGE).await;
    let waiting = count(system).await?.open();
    system.restart_payments().await?;
    let ended = Instant::now();
    screen.line(format!(
        ">>> the payment service is back, same port, same database; {waiting} orders wait for it"
    ));
    Ok(Outage { began, ended })
}

async fn settle(system: &System, screen: &Screen) -> Result<(), StartError> {
    let asked = Instant::now();
    loop {
        let open = count(system).await?.open();
        if open == 0 {
            screen.line("no order is pending any more");
            return Ok(());
        }
        if asked.elapsed() > SETTLE_WITHIN {
            return Err(format!(
                "{open} orders are still not settled after {} s",
                SETTLE_WITHIN.as_secs()
            )
            .into());
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn print_lines(
    lines: &mut mpsc::Receiver<String>,
    screen: &Screen,
) -> std::convert::Infallible {
    while let Some(line) = lines.recv().await {
        screen.line(format!("  {line}"));
    }
    // No sender is left (the order service ended): nothing more will come.
    std::future::pending().await
}
