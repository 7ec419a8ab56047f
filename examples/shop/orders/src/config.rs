use std::{net::SocketAddr, time::Duration};

use clap::Parser;
use http::Uri;

/// Takes orders: reserves stock, charges customers, finishes what was left pending.
#[derive(Debug, Clone, Parser)]
#[command(name = "orders", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "ORDERS_LISTEN", default_value = "127.0.0.1:8101")]
    pub listen: SocketAddr,

    /// Database: sqlite:path or postgres://user@host/name.
    #[arg(
        long,
        env = "ORDERS_DB",
        default_value = "sqlite:orders.db",
        hide_env_values = true
    )]
    pub database: String,

    /// Where the payment service is.
    #[arg(long, env = "ORDERS_PAYMENTS", default_value = "http://127.0.0.1:8102")]
    pub payments: Uri,

    /// Where the inventory service is.
    #[arg(
        long,
        env = "ORDERS_INVENTORY",
        default_value = "http://127.0.0.1:8103"
    )]
    pub inventory: Uri,

    /// Longest wait for one answer of a peer over all attempts, in milliseconds.
    // An order takes up to three calls, which have to fit into the timeout of the server stack
    // and into the lease that keeps the finisher away.
    #[arg(long, env = "ORDERS_PEER_TIMEOUT_MS", default_value_t = PEER_TIMEOUT_MS, value_parser = clap::value_parser!(u64).range(2..=60_000))]
    pub peer_timeout_ms: u64,

    /// How many requests a second one customer may make; twice as many at once.
    #[arg(long, env = "ORDERS_CUSTOMER_RATE", default_value_t = CUSTOMER_RATE, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub customer_rate: u32,

    /// Log filter, such as info or warn,orders=debug.
    #[arg(long, env = "ORDERS_LOG", default_value = "info")]
    pub log: String,
}

/// The default of [`Config::peer_timeout_ms`].
pub const PEER_TIMEOUT_MS: u64 = 1500;

/// The default of [`Config::customer_rate`]: more than people click, less than a program can.
pub const CUSTOMER_RATE: u32 = 100;

impl Config {
    pub(crate) fn peer_timeout(&self) -> Duration {
        Duration::from_millis(self.peer_timeout_ms)
    }
}
