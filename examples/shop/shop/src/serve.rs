//! The shop, kept up for curl.

use shop_kit::{host::StartError, notices::Notices, server};

use crate::{options::Options, system::System};

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn serve(options: &Options) -> Result<(), StartError> {
    let places = options.places()?;
    let (layer_events, mut lines) = Notices::channel();
    let system = System::start(&places, layer_events).await?;
    let (orders, payments) = (system.orders.address(), system.payments_address());
    let inventory = system.inventory.address();
    println!(
        "The shop is open; Ctrl-C closes it. Databases: {}",
        places.data.display()
    );
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
    println!("Closing.");
    system.stop().await;
    Ok(())
}
