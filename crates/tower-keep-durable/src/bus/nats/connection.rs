use std::sync::Arc;

use async_nats::{
    Client, ConnectOptions, Event as Change, ServerAddr,
    jetstream::{self, Context, stream},
};
use tokio::{
    sync::{OnceCell, watch},
    time::timeout,
};

use super::{NatsConfig, subject};
use crate::{bus::BusError, observe};

/// The client and what it needs to be asked for once.
pub(super) struct Connection {
    pub(super) config: NatsConfig,
    client: OnceCell<Client>,
    /// JetStream, once the stream is there.
    jetstream: OnceCell<Context>,
    /// How often it connected: whoever waits for an answer asks again when it changes.
    epoch: watch::Sender<u64>,
}

impl Connection {
    pub(super) fn new(config: NatsConfig) -> Arc<Self> {
        Arc::new(Self {
            config,
            client: OnceCell::new(),
            jetstream: OnceCell::new(),
            epoch: watch::Sender::new(0),
        })
    }

    pub(super) fn epoch(&self) -> watch::Receiver<u64> {
        self.epoch.subscribe()
    }

    /// The client, from the first moment at which a server answered; from then on it connects again
    /// by itself.
    pub(super) async fn client(&self) -> Result<&Client, BusError> {
        self.client.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Client, BusError> {
        let NatsConfig { servers, bus, .. } = &self.config;
        let servers: Vec<ServerAddr> = servers
            .split(',')
            .map(|server| server.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(|error| BusError::Misconfigured(format!("servers: {error}")))?;
        let (epoch, name) = (self.epoch.clone(), bus.clone());
        let client = ConnectOptions::new()
            .name("tower-keep")
            .connection_timeout(self.config.timeout)
            .event_callback(move |change| {
                match &change {
                    Change::Connected => epoch.send_modify(|epoch| *epoch += 1),
                    Change::Disconnected => observe::reconnecting(&name, &change),
                    _ => {}
                }
                std::future::ready(())
            })
            .connect(servers)
            .await
            .map_err(BusError::unavailable)?;
        // The first is told a moment later; it is none that broke what somebody waits for.
        let mut epoch = self.epoch();
        let first = timeout(self.config.timeout, epoch.wait_for(|epoch| *epoch > 0)).await;
        first
            .map_err(BusError::unavailable)?
            .map_err(BusError::unavailable)?;
        Ok(client)
    }

    /// JetStream, with the stream of the bus in it.
    pub(super) async fn jetstream(&self) -> Result<&Context, BusError> {
        let found = self.jetstream.get_or_try_init(|| async {
            let mut jetstream = jetstream::new(self.client().await?.clone());
            jetstream.set_timeout(self.config.timeout);
            self.make_stream(&jetstream).await?;
            Ok(jetstream)
        });
        found.await
    }

    async fn make_stream(&self, jetstream: &Context) -> Result<(), BusError> {
        let NatsConfig {
            bus, partitions, ..
        } = &self.config;
        if !subject::is_name(bus) {
            let rule = "must be letters, digits, - and _";
            return Err(BusError::Misconfigured(format!("bus: {rule}: {bus:?}")));
        }
        if *partitions == 0 {
            return Err(BusError::Misconfigured("partitions: at least 1".to_owned()));
        }
        let found = jetstream
            .get_or_create_stream(stream::Config {
                name: bus.clone(),
                // One for each partition, so that the stream says how many there are.
                subjects: (0..*partitions).map(|n| format!("{bus}.{n}.>")).collect(),
                storage: stream::StorageType::File,
                num_replicas: self.config.replicas,
                ..stream::Config::default()
            })
            .await
            .map_err(BusError::unavailable)?;
        let there = found.cached_info().config.subjects.len();
        if there == *partitions as usize {
            Ok(())
        } else {
            Err(BusError::Misconfigured(format!(
                "partitions: the bus {bus} has {there}, not {partitions}; give it that many, or another name"
            )))
        }
    }

    pub(super) async fn ping(&self) -> Result<(), BusError> {
        let asked = async {
            let jetstream = self.jetstream().await?;
            jetstream
                .get_stream(&self.config.bus)
                .await
                .map(drop)
                .map_err(BusError::unavailable)
        };
        timeout(self.config.timeout, asked)
            .await
            .map_err(BusError::unavailable)?
    }
}
