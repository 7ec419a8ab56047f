use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use rdkafka::{
    Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult},
    message::Headers as _,
};

use super::{KafkaConfig, context::Context, shared::Shared};
use crate::{
    bus::{BusError, wire},
    event::Binding,
    observe,
};

/// How long it waits for messages before it looks what else is to be done.
const POLL: Duration = Duration::from_millis(50);

/// Starts the thread that reads for a member, until the member stops. A thread of its own since the
/// client wants to be asked all the time, and blocks while partitions move.
pub(super) fn start(config: &KafkaConfig, group: &str) -> Result<Arc<Shared>, BusError> {
    let shared = Arc::new(Shared::default());
    let context = Context {
        config: config.clone(),
        shared: Arc::clone(&shared),
    };
    let client = config.client(&[
        ("group.id", group),
        ("enable.auto.commit", "true"),
        ("auto.commit.interval.ms", "1000"),
        ("enable.auto.offset.store", "false"),
        // A place that is no longer there: what is left of what was not read.
        ("auto.offset.reset", "earliest"),
        ("partition.assignment.strategy", "roundrobin"),
        ("queued.max.messages.kbytes", "4096"),
        ("fetch.wait.max.ms", "100"),
    ]);
    let wrong = |error: KafkaError| BusError::Misconfigured(error.to_string());
    let consumer: BaseConsumer<Context> = client.create_with_context(context).map_err(wrong)?;
    consumer.subscribe(&[&config.bus]).map_err(wrong)?;
    let reader = {
        let shared = Arc::clone(&shared);
        move || {
            while !shared.is_stopped() {
                if let Err(error) = read(&consumer, &shared) {
                    shared.fail(error.to_string());
                    break;
                }
            }
            // Dropped here it leaves the group, which commits what is stored.
            let _ = consumer.context().store(&consumer);
        }
    };
    std::thread::Builder::new()
        .name("keep-kafka".to_owned())
        .spawn(reader)
        .map_err(BusError::unavailable)?;
    Ok(shared)
}

/// One round; an error is the end.
fn read(consumer: &BaseConsumer<Context>, shared: &Shared) -> KafkaResult<()> {
    let context = consumer.context();
    let bus = &context.config.bus;
    match consumer.poll(POLL) {
        None => {}
        Some(Ok(message)) => {
            let headers = message.headers();
            let headers = headers.iter().flat_map(|headers| headers.iter());
            let headers = headers.map(|header| (header.key, header.value.unwrap_or_default()));
            let headers: Vec<_> = headers.collect();
            let body = Bytes::copy_from_slice(message.payload().unwrap_or_default());
            let event = wire::decode(bus, Binding::KAFKA, &headers, body);
            // None if it was taken from us meanwhile.
            if let Some(lane) = shared.lanes().get_mut(&message.partition()) {
                lane.push(message.offset(), event);
            }
            shared.changed.notify_waiters();
        }
        Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
        // It goes on by itself.
        Some(Err(error)) => observe::reconnecting(bus, &error),
    }
    if let Err(error) = context.store(consumer) {
        observe::reconnecting(bus, &error);
    }
    let (mut pause, mut resume) = (TopicPartitionList::new(), TopicPartitionList::new());
    for (partition, lane) in shared.lanes().iter_mut() {
        let list = match lane.should_pause() {
            Some(true) => &mut pause,
            Some(false) => &mut resume,
            None => continue,
        };
        list.add_partition(bus, *partition);
        lane.is_paused = !lane.is_paused;
    }
    if pause.count() > 0 {
        consumer.pause(&pause)?;
    }
    if resume.count() > 0 {
        consumer.resume(&resume)?;
    }
    Ok(())
}
