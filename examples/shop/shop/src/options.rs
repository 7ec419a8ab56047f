use std::{io, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use shop_kit::{db::file_url, flow::Flow};

use crate::{check::CheckOptions, service::Service};

/// The demo shop: its services and a card network, in one process or in one each.
///
/// Without a command it plays a scenario of about 20 seconds: customers order, the payment service
/// fails, inventory is killed, a crowd comes, and the books are checked at the end.
#[derive(Debug, Parser)]
#[command(name = "shop", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) options: Options,
}

/// What the shop can do besides playing.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keeps the services up for curl until Ctrl-C: all of them in this process, or one.
    Serve(Box<Serve>),
    /// Checks the books of services that run, wherever they are.
    Check(Box<CheckOptions>),
}

/// All services with the options of the shop, or one with its own.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_value_name = "SERVICE",
    subcommand_help_heading = "Services"
)]
pub(crate) struct Serve {
    #[command(subcommand)]
    pub(crate) service: Option<Service>,

    #[command(flatten)]
    pub(crate) options: Options,
}

/// The options of the whole shop.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder of the databases [default: a fresh one in the temp folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Port of the order service [default: any free one; 8101 with serve].
    #[arg(long, value_name = "PORT")]
    orders_port: Option<u16>,

    /// Port of the payment service [default: any free one; 8102 with serve].
    #[arg(long, value_name = "PORT")]
    payments_port: Option<u16>,

    /// Port of the inventory service [default: any free one; 8103 with serve].
    #[arg(long, value_name = "PORT")]
    inventory_port: Option<u16>,

    /// Port of the shipping service [default: any free one; 8104 with serve].
    #[arg(long, value_name = "PORT")]
    shipping_port: Option<u16>,

    /// Port of the notification service [default: any free one; 8105 with serve].
    #[arg(long, value_name = "PORT")]
    notifications_port: Option<u16>,

    /// Port of the views [default: any free one; 8107 with serve].
    #[arg(long, value_name = "PORT")]
    views_port: Option<u16>,

    /// Port of the card network [default: any free one; 8190 with serve].
    #[arg(long, value_name = "PORT")]
    cards_port: Option<u16>,

    /// Database of the order service, sqlite:path or postgres://user@host/name [default: a file in
    /// the data folder].
    #[arg(long, value_name = "URL")]
    orders_db: Option<String>,

    /// Database of the payment service.
    #[arg(long, value_name = "URL")]
    payments_db: Option<String>,

    /// Database of the inventory service.
    #[arg(long, value_name = "URL")]
    inventory_db: Option<String>,

    /// Database of the shipping service.
    #[arg(long, value_name = "URL")]
    shipping_db: Option<String>,

    /// Database of the notification service.
    #[arg(long, value_name = "URL")]
    notifications_db: Option<String>,

    /// Database of the views.
    #[arg(long, value_name = "URL")]
    views_db: Option<String>,

    /// The bus that carries events: sqlite:path, postgres://user@host/name or, where it was built in,
    /// a broker such as nats://host/name [default: a file in the data folder].
    #[arg(long, value_name = "URL")]
    bus: Option<String>,

    /// Database of the card network.
    #[arg(long, value_name = "URL")]
    cards_db: Option<String>,

    /// How orders find their way: orchestration (the order service calls the others) or choreography
    /// (each service acts on what the others tell).
    #[arg(
        long,
        global = true,
        env = "SHOP_SAGA",
        value_name = "FLOW",
        value_enum,
        default_value_t
    )]
    pub(crate) saga: Flow,

    /// Log filter of the services, such as info or warn,orders=debug.
    #[arg(long, default_value = "error", value_name = "FILTER")]
    pub(crate) log: String,
}

/// Where services listen of which nothing was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ports {
    /// 8101 and so on.
    Usual,
    /// Any that are free.
    Free,
}

/// Where everything is, with all defaults filled in.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) data: PathBuf,
    pub(crate) orders: Place,
    pub(crate) payments: Place,
    pub(crate) inventory: Place,
    pub(crate) shipping: Place,
    pub(crate) notifications: Place,
    pub(crate) views: Place,
    pub(crate) cards: Place,
}

/// Where one service is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) listen: SocketAddr,
    pub(crate) database: String,
    /// Where its events go, and others' come from.
    pub(crate) bus: String,
    /// How orders find their way.
    pub(crate) saga: Flow,
}

impl Options {
    /// Fills the defaults in and makes the data folder. The usual ports are for who is to find the
    /// services there, and any free ones for all others.
    pub(crate) fn places(&self, ports: Ports) -> Result<Places, String> {
        let data = self.data.clone().unwrap_or_else(fresh_folder);
        let bad =
            |error: io::Error| format!("cannot use the data folder {}: {error}", data.display());
        std::fs::create_dir_all(&data).map_err(bad)?;
        let data = data.canonicalize().map_err(bad)?;
        let bus = self.bus.clone();
        let bus = bus.unwrap_or_else(|| file_url(&data.join("bus.db")));
        let place = |name: &str, port: Option<u16>, usual: u16, database: &Option<String>| Place {
            listen: SocketAddr::from((
                [127, 0, 0, 1],
                port.unwrap_or(if ports == Ports::Usual { usual } else { 0 }),
            )),
            database: database
                .clone()
                .unwrap_or_else(|| file_url(&data.join(format!("{name}.db")))),
            bus: bus.clone(),
            saga: self.saga,
        };
        Ok(Places {
            orders: place("orders", self.orders_port, 8101, &self.orders_db),
            payments: place("payments", self.payments_port, 8102, &self.payments_db),
            shipping: place("shipping", self.shipping_port, 8104, &self.shipping_db),
            notifications: place(
                "notifications",
                self.notifications_port,
                8105,
                &self.notifications_db,
            ),
            views: place("views", self.views_port, 8107, &self.views_db),
            inventory: place("inventory", self.inventory_port, 8103, &self.inventory_db),
            cards: place("cards", self.cards_port, 8190, &self.cards_db),
            data,
        })
    }
}

fn fresh_folder() -> PathBuf {
    std::env::temp_dir().join(format!("tower-keep-shop-{}", uuid::Uuid::now_v7().simple()))
}
