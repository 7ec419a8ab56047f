//! The bus that a URL names.

use std::time::Duration;

use tower_keep_durable::{
    Bus, Db,
    bus::table::{self, TableConfig},
};

use crate::{
    drills::{self, bus::guarded},
    server::StartError,
};

/// How often who listens looks into a bus that is a database, for what other processes told. Nobody
/// in the shop notices 20 ms, and looking ten times as often, as is usual on SQLite, would cost the
/// one processor of a small machine more than all the events.
const LOOK: Duration = Duration::from_millis(20);

/// How long an event waits, and others of its partition with it, that was with a process which was
/// killed: as long as an order whose saga was. The process says in time that its handler goes on.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// Opens the bus of `url`: a database of its own (`sqlite:path`, `postgres://user@host/name`) or a
/// broker (`nats://host/name`, `amqp://user@host/name`, `kafka://host/name`), for which a program is
/// built with `--features nats`, `rabbitmq` or `kafka`.
///
/// # Errors
/// The URL names no bus, its feature is missing, or nothing answers there.
pub async fn open(url: &str) -> Result<Bus, StartError> {
    #[cfg(feature = "testing")]
    if let Some((faults, url)) = crate::testing::faulty(url) {
        let bus = open_plain(url, crate::testing::FAULTY_LEASE).await?;
        return Ok(bus.with_faults(faults));
    }
    open_plain(url, LEASE).await
}

async fn open_plain(url: &str, lease: Duration) -> Result<Bus, StartError> {
    let scheme = url.split(':').next().unwrap_or_default();
    if let Some(feature) = missing(scheme) {
        return Err(format!(
            "--bus {scheme}://..: this program was built without {feature}; \
             build it with `--features {feature}`"
        )
        .into());
    }
    if !matches!(scheme, "sqlite" | "postgres" | "postgresql") {
        let bus = match scheme {
            "nats" => Bus::connect(&leased(url, drills::lease(lease))).await?,
            // They see that a connection is gone.
            _ => Bus::connect(url).await?,
        };
        return Ok(guarded(bus));
    }
    let db = Db::open(url, &[table::SCHEMA]).await?;
    let config = TableConfig {
        poll: Some(LOOK),
        lease: drills::lease(lease),
        ..TableConfig::default()
    };
    Ok(Bus::table(&db, config).await?)
}

/// The URL with this lease, unless it has one.
fn leased(url: &str, lease: Duration) -> String {
    if url.contains("lease_ms=") {
        return url.to_owned();
    }
    let and = if url.contains('?') { '&' } else { '?' };
    format!("{url}{and}lease_ms={}", lease.as_millis())
}

/// The feature that a bus of this scheme needs and that is not there.
fn missing(scheme: &str) -> Option<&'static str> {
    let (feature, is_built) = match scheme {
        "nats" => ("nats", cfg!(feature = "nats")),
        "amqp" | "amqps" => ("rabbitmq", cfg!(feature = "rabbitmq")),
        "kafka" => ("kafka", cfg!(feature = "kafka")),
        _ => return None,
    };
    (!is_built).then_some(feature)
}
