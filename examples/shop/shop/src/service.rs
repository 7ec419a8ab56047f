//! One service alone, as its own program runs it.

use clap::Subcommand;
use shop_kit::server::StartError;

/// Each with its own options and variables, whatever runs it: `shop serve orders` or `orders`.
#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Takes orders, and sees them through.
    Orders(orders::Config),
    /// Takes payments from cards, gives them back, and keeps the ledger.
    Payments(payments::Config),
    /// Keeps products and their stock.
    Inventory(inventory::Config),
    /// Sends a parcel for each order.
    Shipping(shipping::Config),
    /// Tells customers what became of their orders.
    Notifications(notifications::Config),
    /// Shows orders to customers and to those who help them.
    Views(views::Config),
    /// The simulated card network.
    Cards(cards::Config),
}

impl Service {
    /// Serves until SIGTERM or Ctrl-C.
    pub(crate) async fn run(self) -> Result<(), StartError> {
        match self {
            Self::Orders(config) => orders::run(config).await,
            Self::Payments(config) => payments::run(config).await,
            Self::Inventory(config) => inventory::run(config).await,
            Self::Shipping(config) => shipping::run(config).await,
            Self::Notifications(config) => notifications::run(config).await,
            Self::Views(config) => views::run(config).await,
            Self::Cards(config) => cards::run(config).await,
        }
    }
}
