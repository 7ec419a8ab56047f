use async_nats::jetstream::{
    Context, ErrorCode,
    context::{PublishError, PublishErrorKind},
    message::PublishMessage,
};
use futures_util::future::join_all;
use tokio::select;

use super::{NatsConfig, connection::Connection, subject};
use crate::{
    Event,
    bus::{
        BusError,
        escape::escaped,
        partition_of,
        wire::{self, Message},
    },
    event::Binding,
};

/// An event as it is sent.
struct Outgoing<'a> {
    event: &'a Event,
    subject: String,
    message: Message,
    id: String,
}

/// Publishes all partitions at once and, within one, each event when the one before is confirmed: sent
/// together, the first could be lost with a connection and the second arrive by the next.
pub(super) async fn publish(at: &Connection, events: &[Event]) -> Result<(), BusError> {
    let jetstream = at.jetstream().await?;
    let most = at.client().await?.max_payload();
    let partitions = at.config.partitions;
    let mut lanes: Vec<Vec<Outgoing<'_>>> = Vec::new();
    lanes.resize_with(partitions as usize, Vec::new);
    for event in events {
        let partition = partition_of(event, partitions);
        let outgoing = outgoing(&at.config, partition, event, most)?;
        lanes[partition as usize].push(outgoing);
    }
    let sent = lanes.into_iter().filter(|lane| !lane.is_empty());
    let mut epoch = at.epoch();
    select! {
        biased;
        ended = join_all(sent.map(|lane| in_turn(jetstream, lane))) => ended.into_iter().collect(),
        // What was confirmed to a connection that is gone nobody will hear any more.
        _ = epoch.changed() => Err(BusError::unavailable("the connection broke meanwhile")),
    }
}

fn outgoing<'a>(
    config: &NatsConfig,
    partition: u32,
    event: &'a Event,
    most: usize,
) -> Result<Outgoing<'a>, BusError> {
    let subject = subject::of(&config.bus, partition, event.kind());
    if subject.len() > subject::LONGEST {
        return Err(refused(event, "its type is longer than a subject may be"));
    }
    let message = wire::encode(event, config.mode, Binding::NATS);
    // Length first, so that no two pairs of source and id are spelled alike.
    let id = format!("{}:{}{}", event.source().len(), event.source(), event.id());
    let id = escaped(&id, '%', |byte| byte.is_ascii_graphic());
    // The first line of the headers, and the id with its name.
    let size = message.size() + id.len() + 64;
    if size > most {
        let reason = format!("{size} bytes, at most {most}");
        return Err(refused(event, reason));
    }
    Ok(Outgoing {
        event,
        subject,
        message,
        id,
    })
}

async fn in_turn(jetstream: &Context, lane: Vec<Outgoing<'_>>) -> Result<(), BusError> {
    for Outgoing {
        event,
        subject,
        message,
        id,
    } in lane
    {
        let mut outgoing = PublishMessage::build().message_id(id).payload(message.body);
        for (name, value) in message.headers {
            outgoing = outgoing.header(&*name, &*value);
        }
        let confirmed = match jetstream.send_publish(subject, outgoing).await {
            Ok(sent) => sent.await,
            Err(error) => Err(error),
        };
        confirmed.map_err(|error| what(event, error))?;
    }
    Ok(())
}

fn what(event: &Event, error: PublishError) -> BusError {
    let code = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>())
        .map(async_nats::jetstream::Error::error_code);
    let too_large = error.kind() == PublishErrorKind::MaxPayloadExceeded
        || code == Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM);
    if too_large {
        refused(event, error.to_string())
    } else {
        BusError::unavailable(error)
    }
}

fn refused(event: &Event, reason: impl Into<String>) -> BusError {
    BusError::Refused {
        id: event.id().to_owned(),
        reason: reason.into(),
    }
}
