use std::{net::SocketAddr, time::Duration};

use clap::Parser;
use http::Uri;
use shop_kit::{cli, flow::Flow};

/// Takes orders, and sees them through: stock, money, parcel.
#[derive(Debug, Clone, Parser)]
#[command(name = "orders", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "ORDERS_LISTEN", default_value = "127.0.0.1:8101")]
    pub listen: SocketAddr,

    /// Database: sqlite:path or postgres://user@host/name.
    #[arg(
        long = "db",
        alias = "database",
        value_name = "URL",
        env = "ORDERS_DB",
        default_value = "sqlite:orders.db",
        hide_env_values = true
    )]
    pub database: String,

    /// Where the payment service is.
    #[arg(long, value_name = "URL", env = "ORDERS_PAYMENTS", default_value = "http://127.0.0.1:8102", value_parser = cli::peer)]
    pub payments: Uri,

    /// Where the inventory service is.
    #[arg(long, value_name = "URL", env = "ORDERS_INVENTORY", default_value = "http://127.0.0.1:8103", value_parser = cli::peer)]
    pub inventory: Uri,

    /// Where the shipping service is.
    #[arg(long, value_name = "URL", env = "ORDERS_SHIPPING", default_value = "http://127.0.0.1:8104", value_parser = cli::peer)]
    pub shipping: Uri,

    /// Where events are published: sqlite:path, postgres://user@host/name, nats://host/name,
    /// amqp://user@host/name or kafka://host/name.
    #[arg(
        long,
        value_name = "URL",
        env = "ORDERS_BUS",
        default_value = "sqlite:bus.db",
        hide_env_values = true
    )]
    pub bus: String,

    /// Longest wait for one answer of a peer over all attempts, in milliseconds.
    #[arg(long, env = "ORDERS_PEER_TIMEOUT_MS", default_value_t = PEER_TIMEOUT_MS, value_parser = clap::value_parser!(u64).range(2..=60_000))]
    pub peer_timeout_ms: u64,

    /// How long a customer waits for the end of an order before the answer is that it was accepted, in
    /// milliseconds. Whoever waits takes a place from others.
    #[arg(long, env = "ORDERS_PATIENCE_MS", default_value_t = PATIENCE_MS, value_parser = clap::value_parser!(u64).range(1..=4000))]
    pub patience_ms: u64,

    /// How new orders find their way: orchestration (this service calls the others) or choreography
    /// (each acts on events; start inventory, payments and shipping with it first). Orders that are
    /// there go on as they began.
    #[arg(
        long,
        env = "ORDERS_SAGA",
        value_name = "FLOW",
        value_enum,
        default_value_t
    )]
    pub saga: Flow,

    /// How long an order by choreography may be pending before it is given up, and how long nobody may
    /// tell anything of one that cannot be given up any more before there is an alarm, in milliseconds.
    #[arg(long, env = "ORDERS_DEADLINE_MS", default_value_t = DEADLINE_MS, value_parser = clap::value_parser!(u64).range(1..=604_800_000))]
    pub deadline_ms: u64,

    /// How long an order waits after the process that worked on it was killed, in milliseconds. While it
    /// works it prolongs that by itself; a replica that was stopped for longer loses its orders to others.
    #[arg(long, env = "ORDERS_LEASE_MS", default_value_t = LEASE_MS, value_parser = clap::value_parser!(u64).range(100..=3_600_000))]
    pub lease_ms: u64,

    /// How many requests a second one customer may make; twice as many at once.
    #[arg(long, env = "ORDERS_CUSTOMER_RATE", default_value_t = CUSTOMER_RATE, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub customer_rate: u32,

    /// Log filter, such as info or warn,orders=debug.
    #[arg(long, env = "ORDERS_LOG", default_value = "info")]
    pub log: String,
}

/// The default of [`Config::peer_timeout_ms`].
pub const PEER_TIMEOUT_MS: u64 = 1500;

/// The default of [`Config::patience_ms`].
pub const PATIENCE_MS: u64 = 1000;

/// The default of [`Config::deadline_ms`], and what a saga has: longer than a peer is usually away,
/// shorter than anybody wants money held for nothing.
pub const DEADLINE_MS: u64 = 15 * 60 * 1000;

/// The default of [`Config::lease_ms`]: longer than a busy machine keeps a task waiting.
pub const LEASE_MS: u64 = 3000;

/// The default of [`Config::customer_rate`]: more than people click, less than a program can.
pub const CUSTOMER_RATE: u32 = 100;

impl Config {
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms)
    }

    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    pub(crate) fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    pub(crate) fn peer_timeout(&self) -> Duration {
        Duration::from_millis(self.peer_timeout_ms)
    }
}
