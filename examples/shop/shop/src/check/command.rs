use std::{process::ExitCode, time::Duration};

use clap::Args;
use http::Uri;
use shop_kit::cli;

use super::{Books, ReadSide, Services, books, tell};
use crate::web::Web;

/// Checks the books of services that run somewhere: no money and no stock was lost or doubled, also
/// while customers order.
///
/// Exit code 0 if all is well, 1 if something is wrong, 2 if a service could not be read.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// Where the order service is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8101", value_parser = cli::peer)]
    orders: Uri,

    /// Where the payment service is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8102", value_parser = cli::peer)]
    payments: Uri,

    /// Where the inventory service is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8103", value_parser = cli::peer)]
    inventory: Uri,

    /// Where the shipping service is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8104", value_parser = cli::peer)]
    shipping: Uri,

    /// Where the card network is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8190", value_parser = cli::peer)]
    cards: Uri,

    /// Where the notification service is: its messages are compared as well, once nothing is under way.
    #[arg(long, value_name = "URL", requires = "views", value_parser = cli::peer)]
    notifications: Option<Uri>,

    /// Where the views are, which are compared as well.
    #[arg(long, value_name = "URL", requires = "notifications", value_parser = cli::peer)]
    views: Option<Uri>,

    /// How many seconds to wait for what is under way.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(..=3600))]
    wait: u64,

    /// Something that is still under way then is wrong, too.
    #[arg(long)]
    settled: bool,

    /// Tells it as one JSON object.
    #[arg(long)]
    json: bool,
}

impl CheckOptions {
    /// Checks, and tells what the books say.
    pub(crate) async fn run(&self) -> ExitCode {
        let services = Services {
            orders: Web::at(&self.orders),
            payments: Web::at(&self.payments),
            inventory: Web::at(&self.inventory),
            shipping: Web::at(&self.shipping),
            cards: Web::at(&self.cards),
        };
        let mut books = match self.look(&services).await {
            Ok(books) => books,
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::from(2);
            }
        };
        if self.settled && !books.is_settled() {
            let open = books.open();
            let line = format!("{open} orders or their parts are still under way");
            books.wrong.push(line);
        }
        if self.json {
            say!("{}", tell::json(&books));
        } else {
            tell::lines(&books);
        }
        ExitCode::from(u8::from(!books.wrong.is_empty()))
    }

    async fn look(&self, services: &Services) -> Result<Books, String> {
        let wait = Duration::from_secs(self.wait);
        let mut books = books::check(services, wait).await?;
        if let (Some(notifications), Some(views), true) =
            (&self.notifications, &self.views, books.is_settled())
        {
            let read_side = ReadSide {
                notifications: Web::at(notifications),
                views: Web::at(views),
            };
            books
                .wrong
                .extend(read_side.wrong(&services.orders, wait).await?);
        }
        Ok(books)
    }
}
