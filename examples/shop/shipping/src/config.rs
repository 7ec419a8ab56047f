use std::net::SocketAddr;

use clap::Parser;
use shop_kit::flow::Flow;

/// Sends a parcel for each order.
#[derive(Debug, Clone, Parser)]
#[command(name = "shipping", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "SHIPPING_LISTEN", default_value = "127.0.0.1:8104")]
    pub listen: SocketAddr,

    /// Database: sqlite:path or postgres://user@host/name.
    #[arg(
        long = "db",
        alias = "database",
        value_name = "URL",
        env = "SHIPPING_DB",
        default_value = "sqlite:shipping.db",
        hide_env_values = true
    )]
    pub database: String,

    /// Where events are published: sqlite:path, postgres://user@host/name, nats://host/name,
    /// amqp://user@host/name or kafka://host/name.
    #[arg(
        long,
        value_name = "URL",
        env = "SHIPPING_BUS",
        default_value = "sqlite:bus.db",
        hide_env_values = true
    )]
    pub bus: String,

    /// How orders find their way: orchestration (the order service calls) or choreography (this service
    /// acts on events). It goes on with orders of either.
    #[arg(
        long,
        env = "SHIPPING_SAGA",
        value_name = "FLOW",
        value_enum,
        default_value_t
    )]
    pub saga: Flow,

    /// Log filter, such as info or warn,shipping=debug.
    #[arg(long, env = "SHIPPING_LOG", default_value = "info")]
    pub log: String,
}
