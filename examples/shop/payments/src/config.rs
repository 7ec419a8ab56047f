use std::{net::SocketAddr, time::Duration};

use clap::Parser;
use http::Uri;
use shop_kit::{cli, flow::Flow, webhook::WebhookSecret};

/// Takes payments from cards, gives them back, and keeps the ledger.
#[derive(Debug, Clone, Parser)]
#[command(name = "payments", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "PAYMENTS_LISTEN", default_value = "127.0.0.1:8102")]
    pub listen: SocketAddr,

    /// Database: sqlite:path or postgres://user@host/name.
    #[arg(
        long = "db",
        alias = "database",
        value_name = "URL",
        env = "PAYMENTS_DB",
        default_value = "sqlite:payments.db",
        hide_env_values = true
    )]
    pub database: String,

    /// Where events are published: sqlite:path, postgres://user@host/name, nats://host/name,
    /// amqp://user@host/name or kafka://host/name.
    #[arg(
        long,
        value_name = "URL",
        env = "PAYMENTS_BUS",
        default_value = "sqlite:bus.db",
        hide_env_values = true
    )]
    pub bus: String,

    /// Where the card network is.
    #[arg(long, value_name = "URL", env = "PAYMENTS_CARDS", default_value = "http://127.0.0.1:8190", value_parser = cli::peer)]
    pub cards: Uri,

    /// What the card network signs its webhooks with: whsec_ and base64 of at least 24 bytes. Without it
    /// none is taken, and the network is asked instead, later.
    #[arg(
        long,
        env = "CARDS_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub webhook_secret: Option<WebhookSecret>,

    /// Longest wait for one answer of the card network over all attempts, in milliseconds.
    #[arg(long, env = "PAYMENTS_CARDS_TIMEOUT_MS", default_value_t = CARDS_TIMEOUT_MS, value_parser = clap::value_parser!(u64).range(2..=60_000))]
    pub cards_timeout_ms: u64,

    /// How long a request has to settle its payment before the network is asked behind its back, in
    /// milliseconds.
    #[arg(long, env = "PAYMENTS_GRACE_MS", default_value_t = GRACE_MS, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub grace_ms: u64,

    /// How orders find their way: orchestration (the order service calls) or choreography (this service
    /// acts on events). It goes on with orders of either.
    #[arg(
        long,
        env = "PAYMENTS_SAGA",
        value_name = "FLOW",
        value_enum,
        default_value_t
    )]
    pub saga: Flow,

    /// Log filter, such as info or warn,payments=debug.
    #[arg(long, env = "PAYMENTS_LOG", default_value = "info")]
    pub log: String,
}

/// The default of [`Config::cards_timeout_ms`].
pub const CARDS_TIMEOUT_MS: u64 = 1000;

/// The default of [`Config::grace_ms`]: longer than any request runs.
pub const GRACE_MS: u64 = 6000;

impl Config {
    pub(crate) fn cards_timeout(&self) -> Duration {
        Duration::from_millis(self.cards_timeout_ms)
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }
}
