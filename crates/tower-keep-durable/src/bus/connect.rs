use std::time::Duration;

use super::{
    BusError, Mode,
    table::{self, TableConfig},
};
use crate::{Bus, Db};

impl Bus {
    /// The bus at this URL, with what its backend has as defaults:
    ///
    /// | URL | what |
    /// |---|---|
    /// | `memory:` | in this process, see [`memory`](super::memory) |
    /// | `sqlite:path`, `postgres://user@host/database` | a database of its own, see [`table`](super::table) |
    /// | `nats://user:password@host:4222/bus` | the feature `nats`; commas between several hosts; `?lease_ms=3000` for how long a delivery is left to who says nothing |
    /// | `amqp://user:password@host:5672/bus` | the feature `rabbitmq`; `amqps` for TLS; `?vhost=name` |
    /// | `kafka://host:9092/bus` | the feature `kafka`; commas between several hosts |
    ///
    /// Those of a broker may end in `?partitions=32` or `?mode=binary` (`&` between them), see
    /// [`Mode`], and connect when they are first used.
    ///
    /// # Errors
    /// The URL is none of these, its feature is not turned on, or the database does not answer.
    ///
    /// # Panics
    /// Called outside of a tokio runtime.
    pub async fn connect(url: &str) -> Result<Self, BusError> {
        match url.split_once(':') {
            Some(("memory", "")) => Ok(Self::memory()),
            Some(("sqlite" | "postgres" | "postgresql", _)) => {
                let db = Db::open(url, &[table::SCHEMA]).await;
                let db = db.map_err(BusError::unavailable)?;
                Self::table(&db, TableConfig::default()).await
            }
            Some((scheme @ ("nats" | "amqp" | "amqps" | "kafka"), rest)) => {
                let place = Place::read(rest)?;
                match scheme {
                    _ if place.vhost.is_some() && !scheme.starts_with("amqp") => {
                        Err(wrong("may have vhost= with amqp only"))
                    }
                    _ if place.lease.is_some() && scheme != "nats" => {
                        Err(wrong("may have lease_ms= with nats only"))
                    }
                    "nats" => nats(place),
                    "kafka" => kafka(place),
                    _ => rabbitmq(scheme, place),
                }
            }
            _ => Err(wrong(
                "must begin with memory:, sqlite:, postgres:, nats:, amqp: or kafka:",
            )),
        }
    }
}

/// The parts of a broker's URL.
#[cfg_attr(
    not(any(feature = "nats", feature = "rabbitmq", feature = "kafka")),
    allow(dead_code, reason = "only its name is told")
)]
struct Place<'a> {
    /// And who asks.
    hosts: &'a str,
    bus: &'a str,
    partitions: Option<u32>,
    vhost: Option<&'a str>,
    lease: Option<Duration>,
    mode: Mode,
}

impl<'a> Place<'a> {
    fn read(rest: &'a str) -> Result<Self, BusError> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parts = path
            .strip_prefix("//")
            .and_then(|path| path.rsplit_once('/'));
        let (hosts, bus) = parts
            .filter(|(hosts, bus)| !hosts.is_empty() && !bus.is_empty())
            .ok_or_else(|| wrong("must name a host and a bus, as in nats://host:4222/bus"))?;
        let mut place = Self {
            hosts,
            bus,
            partitions: None,
            vhost: None,
            lease: None,
            mode: Mode::default(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("partitions", count)) => {
                    let count = count.parse().ok().filter(|count| *count > 0);
                    place.partitions =
                        Some(count.ok_or_else(|| wrong("partitions must be 1 or more"))?);
                }
                Some(("lease_ms", lease)) => {
                    let lease = lease.parse().ok().filter(|lease| *lease > 0);
                    let lease = lease.ok_or_else(|| wrong("lease_ms must be 1 or more"))?;
                    place.lease = Some(Duration::from_millis(lease));
                }
                Some(("vhost", name)) => place.vhost = Some(name),
                Some(("mode", "structured")) => place.mode = Mode::Structured,
                Some(("mode", "binary")) => place.mode = Mode::Binary,
                Some(("mode", _)) => return Err(wrong("must say mode=structured or mode=binary")),
                _ => {
                    return Err(wrong(
                        "may have partitions=, mode=, vhost= and lease_ms=, nothing else",
                    ));
                }
            }
        }
        Ok(place)
    }
}

#[cfg(feature = "nats")]
fn nats(place: Place<'_>) -> Result<Bus, BusError> {
    let mut config = super::nats::NatsConfig::new(place.hosts, place.bus);
    config.partitions = place.partitions.unwrap_or(config.partitions);
    config.lease = place.lease.unwrap_or(config.lease);
    config.mode = place.mode;
    Ok(Bus::new(super::nats::Nats::new(config)))
}

#[cfg(not(feature = "nats"))]
fn nats(place: Place<'_>) -> Result<Bus, BusError> {
    Err(missing("nats", &place))
}

#[cfg(feature = "rabbitmq")]
fn rabbitmq(scheme: &str, place: Place<'_>) -> Result<Bus, BusError> {
    let vhost = place.vhost.map(|vhost| format!("/{vhost}"));
    let server = format!("{scheme}://{}{}", place.hosts, vhost.unwrap_or_default());
    let mut config = super::rabbitmq::RabbitMqConfig::new(server, place.bus);
    config.partitions = place.partitions.unwrap_or(config.partitions);
    config.mode = place.mode;
    Ok(Bus::new(super::rabbitmq::RabbitMq::new(config)))
}

#[cfg(not(feature = "rabbitmq"))]
fn rabbitmq(_: &str, place: Place<'_>) -> Result<Bus, BusError> {
    Err(missing("rabbitmq", &place))
}

#[cfg(feature = "kafka")]
fn kafka(place: Place<'_>) -> Result<Bus, BusError> {
    let mut config = super::kafka::KafkaConfig::new(place.hosts, place.bus);
    config.partitions = place.partitions.unwrap_or(config.partitions);
    config.mode = place.mode;
    Ok(Bus::new(super::kafka::Kafka::new(config)))
}

#[cfg(not(feature = "kafka"))]
fn kafka(place: Place<'_>) -> Result<Bus, BusError> {
    Err(missing("kafka", &place))
}

#[cfg(not(all(feature = "nats", feature = "rabbitmq", feature = "kafka")))]
fn missing(feature: &str, place: &Place<'_>) -> BusError {
    let bus = place.bus;
    BusError::Misconfigured(format!(
        "the bus {bus} needs the feature `{feature}` of tower-keep-durable, which is not turned on"
    ))
}

/// Not with the URL itself: there may be a password in it.
fn wrong(how: &str) -> BusError {
    BusError::Misconfigured(format!("the URL of the bus {how}"))
}
