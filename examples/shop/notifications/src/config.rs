use std::net::SocketAddr;

use clap::Parser;

/// Tells customers what became of their orders.
#[derive(Debug, Clone, Parser)]
#[command(name = "notifications", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "NOTIFICATIONS_LISTEN", default_value = "127.0.0.1:8105")]
    pub listen: SocketAddr,

    /// Database: sqlite:path or postgres://user@host/name.
    #[arg(
        long = "db",
        alias = "database",
        value_name = "URL",
        env = "NOTIFICATIONS_DB",
        default_value = "sqlite:notifications.db",
        hide_env_values = true
    )]
    pub database: String,

    /// Where events come from and go to: sqlite:path, postgres://user@host/name, nats://host/name,
    /// amqp://user@host/name or kafka://host/name.
    #[arg(
        long,
        value_name = "URL",
        env = "NOTIFICATIONS_BUS",
        default_value = "sqlite:bus.db",
        hide_env_values = true
    )]
    pub bus: String,

    /// Log filter, such as info or warn,notifications=debug.
    #[arg(long, env = "NOTIFICATIONS_LOG", default_value = "info")]
    pub log: String,
}
