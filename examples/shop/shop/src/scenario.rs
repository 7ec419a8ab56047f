//! The scenario: customers order, things go wrong, nothing is lost.

use std::time::Duration;

use shop_kit::{
    flow::Flow,
    notices::Notices,
    server::{self, StartError},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::{
    audit::Audit,
    check,
    customers::{Customers, tell_counts},
    layers::Layers,
    load,
    options::{Options, Places, Ports},
    phases,
    promises::{self, Crowds},
    report,
    screen::Screen,
    system::System,
    visitors::Visitors,
    web::{Web, open_orders},
};

/// How many requests a second one customer may make here: few, so that the scraper can be slow.
const CUSTOMER_RATE: u32 = 20;
/// How long pending orders may take after the last order was sent.
const SETTLE_WITHIN: Duration = Duration::from_secs(20);
/// How long what is made of events may be behind them, once no order changes any more.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(25);

/// Plays it.
pub(crate) async fn play(options: &Options) -> Result<(), StartError> {
    tokio::select! {
        result = run(options) => result,
        () = server::signal() => Err("interrupted; the databases are left as they are".into()),
    }
}

async fn run(options: &Options) -> Result<(), StartError> {
    let places = options.places(Ports::Free)?;
    let (notices, mut lines) = Notices::channel();
    let mut system = System::start(&places, CUSTOMER_RATE).await?;
    let layers = Layers::watch(&system, &notices);
    introduce(&system, &places, options.saga);
    // All is told while nobody listens, and heard when they are back. They would also have their
    // part of a small disk, which the flood needs for orders.
    system.kill_listeners().await;

    let screen = Screen::new(load::ORDERS);
    let web = Web::new(system.orders.address());
    let customers = Customers::new(web.clone(), screen.clone());
    let crowds = Crowds {
        visitors: Visitors::new(web.clone(), 10, 20),
        crowd: Visitors::new(web.clone(), 30, 240),
        scraper: Visitors::new(web, 1, 100),
    };
    let mut audit = Audit::default();
    let services = system.services();
    let all = async {
        tokio::join!(
            phases::happen(
                options.saga,
                &mut system,
                &screen,
                &crowds.crowd,
                &crowds.scraper
            ),
            crowds.visitors.look_around(load::TIME),
            customers.act(load::plan()),
        )
    };
    let (phases, (), ()) = tokio::select! {
        all = all => all,
        never = tell_counts(&customers) => match never {},
        never = audit.go_on(&services) => match never {},
        never = print_lines(&mut lines, &screen) => match never {},
    };
    let phases = phases?;
    screen.close_bar();
    screen.line("the last order was answered");
    tokio::select! {
        result = settle(&system, &screen) => result?,
        never = print_lines(&mut lines, &screen) => match never {},
    }

    screen.line(
        ">>> notifications and views, away until now, are back; the bus has kept all for them",
    );
    system.restart_listeners().await?;
    let mut books = check::check(&services, SETTLE_WITHIN).await?;
    books.wrong.extend(audit.wrong.iter().cloned());
    if !books.is_settled() {
        books.wrong.push("something is still under way".to_owned());
    }
    let read_side = system.read_side();
    let behind = read_side.wrong(&services.orders, CATCH_UP_WITHIN).await?;
    books.wrong.extend(behind);
    screen.line("dashboards and messages were compared with the orders");
    let seen = customers.seen();
    let webhooks = system.webhooks.sent();
    let suffered = system.payments_suffered();
    let edge = system.edge.clone();
    system.stop().await;
    report::print(&seen, &phases, layers.heard(), &edge);
    report::print_books(&books, &audit, webhooks);
    report::print_crowds(&crowds, &seen, &phases.flood);
    let broken = promises::broken(
        options.saga,
        &crowds,
        layers.heard(),
        &phases,
        suffered,
        &audit,
    );
    for promise in &broken {
        say!("BROKEN  {promise}");
    }
    if books.wrong.is_empty() && seen.failed.is_empty() && broken.is_empty() {
        say!(
            "No money and no stock was lost or doubled. It took {:.0} s.",
            screen.age().as_secs_f64()
        );
        return Ok(());
    }
    Err(format!(
        "{} entries of the books are wrong, {} customers saw failures, {} promises are broken",
        books.wrong.len(),
        seen.failed.len(),
        broken.len()
    )
    .into())
}

fn introduce(system: &System, places: &Places, flow: Flow) {
    say!("The shop is open.");
    say!("  orders     http://{}", system.orders.address());
    say!("  payments   http://{}", system.payments.address());
    say!("  inventory  http://{}", system.inventory_address());
    say!("  cards      http://{}", system.cards.address());
    say!("  views      http://{}", system.listeners()[1]);
    say!("  databases  {}", places.data.display());
    let troubled = match flow {
        Flow::Orchestration => "Payments",
        Flow::Choreography => {
            say!(
                "By choreography: no service calls another for an order, each acts on what others tell."
            );
            say!(
                "  So no circuit stands between orders and payments; watch the one to the card network."
            );
            "The card network"
        }
    };
    say!(
        "{} orders will come in, {} each second. {troubled} will fail, inventory die, a crowd come.",
        load::ORDERS,
        load::RATE,
    );
    say!();
}

async fn settle(system: &System, screen: &Screen) -> Result<(), StartError> {
    let asked = Instant::now();
    let orders = Web::new(system.orders.address());
    loop {
        let open = open_orders(&orders).await?;
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
