use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_nats::jetstream::{
    self, Context,
    consumer::{Consumer, pull},
};
use tokio::{
    select,
    sync::watch,
    time::{sleep_until, timeout},
};

use super::{
    asking::{Answer, Asking},
    connection::Connection,
    consumers::consumers,
    hold::Hold,
};
use crate::{
    Event,
    bus::{Acknowledge, Boxed, BusError, Delivery, Source, Types, wire},
    event::Binding,
};

/// How long a partition may take to say what it has before the next is asked.
const PROBE: Duration = Duration::from_millis(50);

/// One member of a group.
pub(super) struct Member {
    at: Arc<Connection>,
    group: String,
    types: Types,
    context: Context,
    /// By partition; none after one was gone.
    consumers: Vec<Consumer<pull::Config>>,
    /// Where to look first: after the partition that was served last, so that all get their turn.
    turn: usize,
    asking: Option<Asking>,
    /// What came although another was given out: at most one a partition.
    arrived: VecDeque<Arrived>,
    epoch: watch::Receiver<u64>,
}

struct Arrived {
    event: Event,
    attempt: u32,
    hold: Hold,
}

impl Member {
    pub(super) async fn join(
        at: &Arc<Connection>,
        group: &str,
        types: &Types,
    ) -> Result<Self, BusError> {
        let consumers = consumers(at, group, types).await?;
        let mut epoch = at.epoch();
        epoch.mark_unchanged();
        Ok(Self {
            at: Arc::clone(at),
            group: group.to_owned(),
            types: types.clone(),
            context: at.jetstream().await?.clone(),
            consumers,
            turn: 0,
            asking: None,
            arrived: VecDeque::new(),
            epoch,
        })
    }

    /// Whatever this awaits, what has come is in `arrived` or still with `asking` when it is dropped.
    async fn delivery(&mut self) -> Result<Delivery, BusError> {
        loop {
            while let Some(mut arrived) = self.arrived.pop_front() {
                // If nobody asked for a while it may be another's by now.
                if !arrived.hold.is_old() || arrived.hold.progress().await.is_ok() {
                    let end = Box::new(arrived.hold);
                    return Ok(Delivery::new(arrived.event, arrived.attempt, end).counted());
                }
            }
            if let Err(error) = self.step().await {
                // They may be gone, and are made again.
                self.consumers.clear();
                self.asking = None;
                return Err(error);
            }
        }
    }

    /// Waits for an answer, or asks for the next.
    async fn step(&mut self) -> Result<(), BusError> {
        if self.consumers.is_empty() {
            self.consumers = consumers(&self.at, &self.group, &self.types).await?;
        }
        let asking = match &mut self.asking {
            Some(asking) => asking,
            none => none.insert(Asking::begin(self.at.client().await?).await?),
        };
        if asking.is_ending() {
            match hear(&self.at, asking, &mut self.epoch).await? {
                Answer::Event(message) => self.arrive(message),
                Answer::Nothing(_) => {}
                Answer::End => self.asking = None,
            }
            return Ok(());
        }
        let Some(kept) = asking.kept() else {
            return self.probe().await;
        };
        let heard = select! {
            biased;
            answer = asking.answer() => answer?,
            _ = self.epoch.changed() => Answer::End,
            () = sleep_until(kept) => {
                asking.end().await;
                return Ok(());
            }
        };
        match heard {
            Answer::Event(message) => {
                self.arrive(message);
                // Others may have what else there is.
                if let Some(asking) = &mut self.asking {
                    asking.end().await;
                }
            }
            Answer::Nothing(_) => {}
            Answer::End => self.asking = None,
        }
        Ok(())
    }

    /// Looks for what is there, one partition after the other; then asks for what will be.
    async fn probe(&mut self) -> Result<(), BusError> {
        let count = self.consumers.len();
        for step in 0..count {
            let partition = (self.turn + step) % count;
            let Some(asking) = &mut self.asking else {
                return Ok(());
            };
            let consumer = &self.consumers[partition];
            let number = u32::try_from(partition).unwrap_or(u32::MAX);
            asking.probe(consumer, number).await?;
            loop {
                let heard = timeout(PROBE, hear(&self.at, asking, &mut self.epoch)).await;
                // No answer: NATS 2.9 gives none while the partition has an event out. One that comes
                // late is heard all the same.
                let Ok(heard) = heard else { break };
                match heard? {
                    Answer::Event(message) => {
                        self.turn = partition + 1;
                        self.arrive(message);
                        return Ok(());
                    }
                    Answer::Nothing(which) if which == number => break,
                    // To a question of before, which was given up.
                    Answer::Nothing(_) => {}
                    Answer::End => {
                        self.asking = None;
                        return Ok(());
                    }
                }
            }
        }
        match &mut self.asking {
            Some(asking) => asking.ask_all(&self.consumers).await,
            None => Ok(()),
        }
    }

    /// Keeps the event of a message, if it is one that is wanted.
    fn arrive(&mut self, message: async_nats::Message) {
        let context = self.context.clone();
        let message = jetstream::Message { message, context };
        let headers = message.headers.iter().flat_map(|headers| headers.iter());
        let headers = headers.flat_map(|(name, values)| {
            let name: &str = name.as_ref();
            let values = values.iter();
            values.map(move |value| (name, value.as_str().as_bytes()))
        });
        let payload = message.payload.clone();
        let event = wire::decode(
            &self.at.config.bus,
            Binding::NATS,
            &headers.collect::<Vec<_>>(),
            payload,
        )
        .filter(|event| self.types.contain(event.kind()));
        let Some(event) = event else {
            // In a task, so that it is told also if `next` is dropped now. If it is not told it comes
            // once more, and is passed over once more.
            tokio::spawn(async move { message.ack().await });
            return;
        };
        let attempt = message.info().map(|info| info.delivered).unwrap_or(1);
        self.arrived.push_back(Arrived {
            event,
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            hold: Hold::new(message, self.at.config.lease),
        });
    }
}

/// What the server answers to a question that it must answer at once.
async fn hear(
    at: &Connection,
    asking: &mut Asking,
    epoch: &mut watch::Receiver<u64>,
) -> Result<Answer, BusError> {
    let heard = async {
        select! {
            biased;
            answer = asking.answer() => answer,
            // On a connection that is gone nothing is answered any more.
            _ = epoch.changed() => Ok(Answer::End),
        }
    };
    timeout(at.config.timeout, heard)
        .await
        .map_err(BusError::unavailable)?
}

impl Source for Member {
    fn next(&mut self) -> Boxed<'_, Result<Delivery, BusError>> {
        Box::pin(self.delivery())
    }
}
