//! The shop, kept up for curl.

use shop_kit::{
    notices::Notices,
    server::{self, StartError},
};

use crate::{
    layers::Layers,
    options::{Options, Ports},
    system::System,
};

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn serve(options: &Options) -> Result<(), StartError> {
    let places = options.places(Ports::Usual)?;
    let (notices, mut lines) = Notices::channel();
    let system = System::start(&places, orders::CUSTOMER_RATE).await?;
    let _layers = Layers::watch(&system, &notices);
    let (orders, payments) = (system.orders.address(), system.payments.address());
    let cards = system.cards.address();
    let inventory = system.inventory_address();
    let [notifications, views] = system.listeners();
    say!("The shop is open; Ctrl-C closes it.");
    say!("  databases  {}", places.data.display());
    say!();
    say!("  curl -si http://{orders}/products       # also from {inventory}, where they are kept");
    say!("  curl -s http://{payments}/ledger           # and http://{cards}/cards: the money");
    say!(
        "  curl -si http://{orders}/orders -H 'Idempotency-Key: my-first' -H 'Content-Type: application/json' \\"
    );
    say!(
        "    -d '{{\"customer\":\"cus_anna\",\"lines\":[{{\"product\":\"tea\",\"quantity\":2}}]}}'"
    );
    say!("  curl -s 'http://{orders}/orders?customer=cus_anna'");
    say!("  curl -si -X POST http://{orders}/orders/ord_.../cancel");
    say!("  curl -s http://{views}/dashboard/cus_anna  # also /search?status=completed and /lag");
    say!("  curl -s 'http://{notifications}/notifications?customer=cus_anna'");
    say!(
        "  curl -s http://{orders}/health         # also /livez /readyz /startupz, on all of them"
    );
    say!();
    let print_lines = async {
        while let Some(line) = lines.recv().await {
            say!("{line}");
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = server::signal() => {}
        () = print_lines => {}
    }
    say!("Closing: readiness says 503 for a moment, then running requests end.");
    tokio::select! {
        () = system.stop() => {}
        // Again: at once.
        () = server::signal() => {}
    }
    Ok(())
}
