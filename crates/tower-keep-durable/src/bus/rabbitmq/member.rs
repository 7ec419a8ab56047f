use std::{sync::Arc, time::Duration};

use lapin::{message::Delivery as Message, types::AMQPValue};
use tokio::{sync::watch, time::sleep};

use super::{RabbitMqConfig, headers, hold::Hold, session::Session};
use crate::{
    bus::{Boxed, BusError, Delivery, Source, Types, wire},
    event::Binding,
    observe,
};

/// How long the first wait before connecting again is, and the longest.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// One member of a group.
pub(super) struct Member {
    config: Arc<RabbitMqConfig>,
    group: String,
    types: Types,
    session: Option<Session>,
    failures: u32,
}

impl Member {
    pub(super) async fn join(
        config: &Arc<RabbitMqConfig>,
        group: &str,
        types: &Types,
    ) -> Result<Self, BusError> {
        let session = Session::open(config, group, types).await?;
        Ok(Self {
            config: Arc::clone(config),
            group: group.to_owned(),
            types: types.clone(),
            session: Some(session),
            failures: 0,
        })
    }

    async fn connected(&mut self) -> Result<&mut Session, BusError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => {
                if self.failures > 0 {
                    let [first, most] = AGAIN;
                    sleep(most.min(first * (1 << self.failures.min(8)))).await;
                }
                self.failures = self.failures.saturating_add(1);
                Session::open(&self.config, &self.group, &self.types).await?
            }
        };
        Ok(self.session.insert(session))
    }

    async fn arriving(&mut self) -> Result<Delivery, BusError> {
        loop {
            let session = self.connected().await?;
            let ended = session.ended();
            // A consumer that the server cancels ends all: what it reads may have moved.
            let message = match session.next().await {
                Ok(message) => message,
                Err(error) => {
                    self.session = None;
                    let error = BusError::unavailable(error);
                    observe::reconnecting(&self.config.bus, &error);
                    return Err(error);
                }
            };
            self.failures = 0;
            if let Some(delivery) = self.open(message, ended).await {
                return Ok(delivery);
            }
        }
    }

    /// The event in it, if it is one that is wanted.
    async fn open(&self, message: Message, ended: watch::Receiver<()>) -> Option<Delivery> {
        let headers = headers::read(&message.properties);
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let body = message.data.clone().into();
        let event = wire::decode(&self.config.bus, Binding::AMQP, &headers, body)
            .filter(|event| self.types.contain(event.kind()));
        let attempt = attempt(&message);
        let hold = Hold {
            acker: Some(message.acker),
            ended,
        };
        match event {
            Some(event) => Some(Delivery::new(event, attempt, Box::new(hold)).counted()),
            None => {
                hold.pass_over().await;
                None
            }
        }
    }
}

/// The how manieth time it is given to someone; quorum queues count.
fn attempt(message: &Message) -> u32 {
    let headers = message.properties.headers().as_ref();
    let count = headers.and_then(|headers| headers.inner().get("x-delivery-count"));
    let before = match count {
        Some(AMQPValue::LongLongInt(count)) => u32::try_from(*count).unwrap_or_default(),
        Some(AMQPValue::LongInt(count)) => u32::try_from(*count).unwrap_or_default(),
        Some(AMQPValue::LongUInt(count)) => *count,
        Some(AMQPValue::ShortShortUInt(count)) => u32::from(*count),
        _ => 0,
    };
    before.saturating_add(1)
}

impl Source for Member {
    fn next(&mut self) -> Boxed<'_, Result<Delivery, BusError>> {
        Box::pin(self.arriving())
    }
}
