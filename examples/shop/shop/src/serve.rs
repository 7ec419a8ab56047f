//! The shop, kept up for curl.

use shop_kit::{
    notices::Notices,
    server::{self, StartError},
};

use crate::{layers::Layers, options::Options, system::System};

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn serve(options: &Options) -> Result<(), StartError> {
    let places = options.places()?;
    let (notices, mut lines) = Notices::channel();
    let system = System::start(&places, notices.clone()).await?;
    let _layers = Layers::watch(&system.peers, &notices);
    let (orders, payments) = (system.orders.address(), system.payments_address());
    let inventory = system.inventory.address();
    println!("The shop is open; Ctrl-C closes it.");
    println!("  databases  {}", places.data.display());
    println!();
    println!("  curl -s http://{inventory}/products");
    println!("  curl -s http://{payments}/accounts");
    println!(
        "  curl -si http://{orders}/orders -H 'Idempotency-Key: my-first' -H 'Content-Type: application/json' \\"
    );
    println!(
        "    -d '{{\"customer\":\"cus_anna\",\"lines\":[{{\"product\":\"tea\",\"quantity\":2}}]}}'"
    );
    println!("  curl -s 'http://{orders}/orders?customer=cus_anna'");
    println!("  curl -si -X POST http://{orders}/orders/ord_.../cancel");
    println!(
        "  curl -s http://{orders}/health         # also /livez /readyz /startupz, on all three"
    );
    println!();
    let print_lines = async {
        while let Some(line) = lines.recv().await {
            println!("{line}");
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = server::signal() => {}
        () = print_lines => {}
    }
    println!("Closing: readiness says 503 for a moment, then running requests end.");
    tokio::select! {
        () = system.stop() => {}
        // Again: at once.
        () = server::signal() => {}
    }
    Ok(())
}
