use std::net::SocketAddr;

use clap::Parser;
use http::Uri;
use shop_kit::{cli, webhook::WebhookSecret};

/// The simulated card network: holds money of cards, takes it, gives it back.
#[derive(Debug, Clone, Parser)]
#[command(name = "cards", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "CARDS_LISTEN", default_value = "127.0.0.1:8190")]
    pub listen: SocketAddr,

    /// Database: sqlite:path or postgres://user@host/name.
    #[arg(
        long = "db",
        alias = "database",
        value_name = "URL",
        env = "CARDS_DB",
        default_value = "sqlite:cards.db",
        hide_env_values = true
    )]
    pub database: String,

    /// Where webhooks go; without it they wait in the database.
    #[arg(long, env = "CARDS_WEBHOOKS", value_name = "URL", value_parser = cli::peer, requires = "webhook_secret")]
    pub webhooks: Option<Uri>,

    /// Signs webhooks; who takes them knows it too. whsec_ and base64 of at least 24 bytes.
    #[arg(
        long,
        env = "CARDS_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub webhook_secret: Option<WebhookSecret>,

    /// Add the demo's cards where they are missing.
    #[arg(long)]
    pub demo_data: bool,

    /// Log filter, such as info or warn,cards=debug.
    #[arg(long, env = "CARDS_LOG", default_value = "info")]
    pub log: String,
}
