use std::sync::{Arc, atomic::Ordering};

use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance},
    error::KafkaResult,
};

use super::{KafkaConfig, shared::Shared};
use crate::observe;

/// What happens when the group moves partitions; called on the thread of the reader.
pub(super) struct Context {
    pub(super) config: KafkaConfig,
    pub(super) shared: Arc<Shared>,
}

impl ClientContext for Context {}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let done = match rebalance {
            Rebalance::Assign(list) => self.begin(consumer, list),
            Rebalance::Revoke(_) => {
                self.shared.hand_over(self.config.handover);
                let stored = self.store(consumer);
                self.shared.lanes().clear();
                self.shared.handed_over();
                stored
            }
            Rebalance::Error(error) => Err(error.clone()),
        };
        if let Err(error) = done {
            observe::reconnecting(&self.config.bus, &error);
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            let mut lanes = self.shared.lanes();
            for partition in list.elements() {
                lanes.entry(partition.partition()).or_default();
            }
            drop(lanes);
            self.shared.joined.fetch_add(1, Ordering::Release);
            self.shared.changed.notify_waiters();
        }
    }
}

impl Context {
    /// Where the group has no place yet it begins at the end. It is committed at once, by the one member
    /// that has the partition: what is published from now on waits for the group.
    fn begin(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        let timeout = self.config.timeout;
        let mut ends = TopicPartitionList::new();
        for place in consumer
            .committed_offsets(list.clone(), timeout)?
            .elements()
        {
            if place.offset() == Offset::Invalid {
                let (topic, partition) = (place.topic(), place.partition());
                let (_, end) = consumer.fetch_watermarks(topic, partition, timeout)?;
                ends.add_partition_offset(topic, partition, Offset::Offset(end))?;
            }
        }
        if ends.count() > 0 {
            consumer.commit(&ends, CommitMode::Sync)?;
        }
        Ok(())
    }

    /// Notes where to go on, which the client commits before long.
    pub(super) fn store(&self, consumer: &BaseConsumer<Self>) -> KafkaResult<()> {
        let mut done = TopicPartitionList::new();
        for (partition, lane) in self.shared.lanes().iter_mut() {
            if let Some(offset) = lane.take_done() {
                done.add_partition_offset(&self.config.bus, *partition, Offset::Offset(offset))?;
            }
        }
        if done.count() > 0 {
            consumer.store_offsets(&done)?;
        }
        Ok(())
    }
}
