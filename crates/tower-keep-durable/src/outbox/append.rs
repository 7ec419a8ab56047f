use crate::{Clock, Event, Tx};

/// Adds the event to the transaction: it is published if and only if the transaction commits.
///
/// Events of one key are published in the order in which they were appended, as long as their
/// transactions did not overlap; whoever changes the row of an order first and appends then has the
/// row's lock to see to that. An event of the same source and id that is there already is left as it
/// is, so that a handler may append again what it appended.
///
/// A [`Relay`](super::Relay) of the same process is told by [`Outbox::commit`](super::Outbox::commit)
/// or [`Outbox::wake`](super::Outbox::wake); without, it finds the event at its next poll.
///
/// # Errors
/// The database fails. The event is one that every bus [refuses](Event::check):
/// [`sqlx::Error::Encode`] with the [`InvalidEvent`](crate::event::InvalidEvent) that names the
/// attribute; nothing was written, and a consumer takes it for poison.
pub async fn append(tx: &mut Tx, clock: &Clock, event: &Event) -> Result<(), sqlx::Error> {
    // Here somebody hears of it who can mend it. Later it would hold up its key.
    event
        .check()
        .map_err(|invalid| sqlx::Error::Encode(invalid.into()))?;
    sqlx::query(
        "INSERT INTO keep_outbox (source, id, key, body, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(event.source())
    .bind(event.id())
    .bind(event.key())
    .bind(event.to_json())
    .bind(clock.now())
    .execute(&mut **tx)
    .await
    .map(drop)
}
