use std::time::Duration;

use async_nats::{
    Client, Message, StatusCode, Subscriber,
    jetstream::consumer::{
        Consumer,
        pull::{self, BatchConfig},
    },
};
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::bus::BusError;

/// How many seconds the server keeps a question. Chosen anew each time, so that the members of a group
/// come first at different partitions.
const KEPT: std::ops::Range<u64> = 5..15;

/// Where the server answers the questions of a member, for a while.
pub(super) struct Asking {
    inbox: String,
    answers: Subscriber,
    /// Until when the server keeps the questions that were asked of all partitions.
    kept: Option<Instant>,
    /// No more than what is on its way can come.
    ending: bool,
}

/// What the server answers.
pub(super) enum Answer {
    Event(Message),
    /// This partition has nothing for us now.
    Nothing(u32),
    /// The answers are complete.
    End,
}

impl Asking {
    pub(super) async fn begin(client: &Client) -> Result<Self, BusError> {
        let inbox = client.new_inbox();
        let answers = client
            .subscribe(format!("{inbox}.*"))
            .await
            .map_err(BusError::unavailable)?;
        Ok(Self {
            inbox,
            answers,
            kept: None,
            ending: false,
        })
    }

    /// Asks a partition for what it has at once.
    pub(super) async fn probe(
        &self,
        consumer: &Consumer<pull::Config>,
        partition: u32,
    ) -> Result<(), BusError> {
        let now = BatchConfig {
            batch: 1,
            no_wait: true,
            ..BatchConfig::default()
        };
        self.ask(consumer, partition, now).await
    }

    /// Asks all partitions for what they will have.
    pub(super) async fn ask_all(
        &mut self,
        consumers: &[Consumer<pull::Config>],
    ) -> Result<(), BusError> {
        let expires = Duration::from_secs(fastrand::u64(KEPT));
        // First, since from the first question on there may be answers.
        self.kept = Some(Instant::now() + expires);
        for (partition, consumer) in (0..).zip(consumers) {
            let later = BatchConfig {
                batch: 1,
                expires: Some(expires),
                ..BatchConfig::default()
            };
            self.ask(consumer, partition, later).await?;
        }
        Ok(())
    }

    async fn ask(
        &self,
        consumer: &Consumer<pull::Config>,
        partition: u32,
        question: BatchConfig,
    ) -> Result<(), BusError> {
        consumer
            .request_batch(question, format!("{}.{partition}", self.inbox).into())
            .await
            .map_err(BusError::unavailable)
    }

    /// Until when the server may answer without being asked again.
    pub(super) fn kept(&self) -> Option<Instant> {
        self.kept
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending
    }

    /// Takes back what was asked of all partitions. What the server has sent already still comes,
    /// followed by [`Answer::End`].
    pub(super) async fn end(&mut self) {
        // Fails only if the client is gone, which is the end as well.
        let _ = self.answers.drain().await;
        // Now, so that who is dropped before it was asked for asks again.
        self.ending = true;
    }

    /// The next answer. Cancelled, none is lost.
    pub(super) async fn answer(&mut self) -> Result<Answer, BusError> {
        let Some(message) = self.answers.next().await else {
            return Ok(Answer::End);
        };
        match message.status {
            None | Some(StatusCode::OK) => Ok(Answer::Event(message)),
            // A consumer that is gone says so in one of two ways.
            Some(StatusCode::NO_RESPONDERS) => Err(gone(&message)),
            Some(_) if message.description.as_deref() == Some("Consumer Deleted") => {
                Err(gone(&message))
            }
            Some(_) => {
                let partition = message.subject.rsplit('.').next();
                let partition = partition.and_then(|partition| partition.parse().ok());
                Ok(Answer::Nothing(partition.unwrap_or(u32::MAX)))
            }
        }
    }
}

fn gone(message: &Message) -> BusError {
    let why = message.description.as_deref().unwrap_or("no consumer");
    BusError::unavailable(format!("the server has no such consumer: {why}"))
}
