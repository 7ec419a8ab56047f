use std::{ops::Deref, sync::Arc};

use lapin::{Connection, ConnectionProperties, uri::AMQPUri};
use tokio::{runtime::Handle, time::timeout};

use super::RabbitMqConfig;
use crate::bus::BusError;

/// Seconds after two of which without a sign of life a connection is taken for dead.
const HEARTBEAT: u16 = 10;

/// Nothing is wrong.
const SUCCESS: u16 = 200;

/// A connection that is closed when it is dropped. Told, not only left: deliveries that somebody still
/// holds would keep it open, and with it a consumer that is the single active one.
pub(super) struct Link(Arc<Connection>);

impl Deref for Link {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Ok(runtime) = Handle::try_current() {
            let connection = Arc::clone(&self.0);
            runtime.spawn(async move { connection.close(SUCCESS, "".into()).await });
        }
    }
}

/// A new connection.
pub(super) async fn connect(config: &RabbitMqConfig) -> Result<Link, BusError> {
    let mut uri: AMQPUri = config
        .server
        .parse()
        .map_err(|error| BusError::Misconfigured(format!("server: {error}")))?;
    if config.bus.is_empty() || config.bus.len() > 100 {
        let rule = "must have 1 to 100 bytes";
        return Err(BusError::Misconfigured(format!("bus: {rule}")));
    }
    if config.partitions == 0 {
        return Err(BusError::Misconfigured("partitions: at least 1".to_owned()));
    }
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    let properties =
        ConnectionProperties::default().with_connection_name("tower-keep".to_owned().into());
    timeout(config.timeout, Connection::connect_uri(uri, properties))
        .await
        .map_err(BusError::unavailable)?
        .map_err(BusError::unavailable)
        .map(|connection| Link(Arc::new(connection)))
}
