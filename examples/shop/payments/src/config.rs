use std::net::SocketAddr;

use clap::Parser;

/// Takes payments from accounts, and gives them back.
#[derive(Debug, Clone, Parser)]
#[command(name = "payments", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "PAYMENTS_LISTEN", default_value = "127.0.0.1:8102")]
    pub listen: SocketAddr,

    /// Database: sqlite:path or postgres://user@host/name.
    #[arg(
        long,
        env = "PAYMENTS_DB",
        default_value = "sqlite:payments.db",
        hide_env_values = true
    )]
    pub database: String,

    /// Add the demo's accounts where they are missing.
    #[arg(long)]
    pub demo_data: bool,

    /// Log filter, such as info or warn,payments=debug.
    #[arg(long, env = "PAYMENTS_LOG", default_value = "info")]
    pub log: String,
}
