use std::net::SocketAddr;

use clap::Parser;

/// Shows orders to customers and to those who help them.
#[derive(Debug, Clone, Parser)]
#[command(name = "views", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "VIEWS_LISTEN", default_value = "127.0.0.1:8107")]
    pub listen: SocketAddr,

    /// Database: sqlite:path or postgres://user@host/name.
    #[arg(
        long = "db",
        alias = "database",
        value_name = "URL",
        env = "VIEWS_DB",
        default_value = "sqlite:views.db",
        hide_env_values = true
    )]
    pub database: String,

    /// Where events come from: sqlite:path, postgres://user@host/name, nats://host/name,
    /// amqp://user@host/name or kafka://host/name.
    #[arg(
        long,
        value_name = "URL",
        env = "VIEWS_BUS",
        default_value = "sqlite:bus.db",
        hide_env_values = true
    )]
    pub bus: String,

    /// Build the views anew from all that was ever heard; the present ones are shown until that is
    /// done.
    #[arg(long)]
    pub rebuild: bool,

    /// Log filter, such as info or warn,views=debug.
    #[arg(long, env = "VIEWS_LOG", default_value = "info")]
    pub log: String,
}
