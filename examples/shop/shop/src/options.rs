use std::{io, net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand};
use shop_kit::db::file_url;

/// The demo shop: order, payment and inventory services in one process.
///
/// Without a command it plays a scenario of about 20 seconds: customers order, the payment service
/// fails, inventory is killed, a crowd comes, and the books are checked at the end.
#[derive(Debug, Parser)]
#[command(name = "shop", version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Folder of the databases [default: a fresh one in the temp folder].
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Port of the order service [default: any free one; 8101 with serve].
    #[arg(long, global = true, value_name = "PORT")]
    orders_port: Option<u16>,

    /// Port of the payment service [default: any free one; 8102 with serve].
    #[arg(long, global = true, value_name = "PORT")]
    payments_port: Option<u16>,

    /// Port of the inventory service [default: any free one; 8103 with serve].
    #[arg(long, global = true, value_name = "PORT")]
    inventory_port: Option<u16>,

    /// Database of the order service, sqlite:path or postgres://user@host/name [default: a file in
    /// the data folder].
    #[arg(long, global = true, value_name = "URL")]
    orders_db: Option<String>,

    /// Database of the payment service.
    #[arg(long, global = true, value_name = "URL")]
    payments_db: Option<String>,

    /// Database of the inventory service.
    #[arg(long, global = true, value_name = "URL")]
    inventory_db: Option<String>,

    /// Log filter of the services, such as info or warn,orders=debug.
    #[arg(long, global = true, default_value = "error", value_name = "FILTER")]
    pub(crate) log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Keeps the services up for curl until Ctrl-C.
    Serve,
}

/// Where everything is, with all defaults filled in.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) data: PathBuf,
    pub(crate) orders: Place,
    pub(crate) payments: Place,
    pub(crate) inventory: Place,
}

/// Where one service is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) listen: SocketAddr,
    pub(crate) database: String,
}

impl Options {
    /// Fills the defaults in and makes the data folder.
    pub(crate) fn places(&self) -> Result<Places, String> {
        let data = self.data.clone().unwrap_or_else(fresh_folder);
        let bad =
            |error: io::Error| format!("cannot use the data folder {}: {error}", data.display());
        std::fs::create_dir_all(&data).map_err(bad)?;
        let data = data.canonicalize().map_err(bad)?;
        let serving = self.command == Some(Command::Serve);
        let place = |name: &str, port: Option<u16>, usual: u16, database: &Option<String>| Place {
            listen: SocketAddr::from((
                [127, 0, 0, 1],
                port.unwrap_or(if serving { usual } else { 0 }),
            )),
            database: database
                .clone()
                .unwrap_or_else(|| file_url(&data.join(format!("{name}.db")))),
        };
        Ok(Places {
            orders: place("orders", self.orders_port, 8101, &self.orders_db),
            payments: place("payments", self.payments_port, 8102, &self.payments_db),
            inventory: place("inventory", self.inventory_port, 8103, &self.inventory_db),
            data,
        })
    }
}

fn fresh_folder() -> PathBuf {
    std::env::temp_dir().join(format!("tower-keep-shop-{}", uuid::Uuid::now_v7().simple()))
}
