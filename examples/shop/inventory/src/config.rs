use std::net::SocketAddr;

use clap::Parser;

/// Keeps the stock of products, and reserves it for orders.
#[derive(Debug, Clone, Parser)]
#[command(name = "inventory", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "INVENTORY_LISTEN", default_value = "127.0.0.1:8103")]
    pub listen: SocketAddr,

    /// Database: sqlite:path or postgres://user@host/name.
    #[arg(
        long,
        env = "INVENTORY_DB",
        default_value = "sqlite:inventory.db",
        hide_env_values = true
    )]
    pub database: String,

    /// Add the demo's products where they are missing.
    #[arg(long)]
    pub demo_data: bool,

    /// Log filter, such as info or warn,inventory=debug.
    #[arg(long, env = "INVENTORY_LOG", default_value = "info")]
    pub log: String,
}
