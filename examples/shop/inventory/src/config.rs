use std::net::SocketAddr;

use clap::Parser;
use shop_kit::flow::Flow;

/// Keeps the stock of products, and reserves it for orders.
#[derive(Debug, Clone, Parser)]
#[command(name = "inventory", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "INVENTORY_LISTEN", default_value = "127.0.0.1:8103")]
    pub listen: SocketAddr,

    /// Database: sqlite:path or postgres://user@host/name.
    #[arg(
        long = "db",
        alias = "database",
        value_name = "URL",
        env = "INVENTORY_DB",
        default_value = "sqlite:inventory.db",
        hide_env_values = true
    )]
    pub database: String,

    /// Where events are published: sqlite:path, postgres://user@host/name, nats://host/name,
    /// amqp://user@host/name or kafka://host/name.
    #[arg(
        long,
        value_name = "URL",
        env = "INVENTORY_BUS",
        default_value = "sqlite:bus.db",
        hide_env_values = true
    )]
    pub bus: String,

    /// Add the demo's products where they are missing.
    #[arg(long)]
    pub demo_data: bool,

    /// How orders find their way: orchestration (the order service calls) or choreography (this service
    /// acts on events). It goes on with orders of either.
    #[arg(
        long,
        env = "INVENTORY_SAGA",
        value_name = "FLOW",
        value_enum,
        default_value_t
    )]
    pub saga: Flow,

    /// Log filter, such as info or warn,inventory=debug.
    #[arg(long, env = "INVENTORY_LOG", default_value = "info")]
    pub log: String,
}
