//! A request that comes twice is done once and answered twice.
//!
//! # Why
//!
//! Whoever calls a service and hears nothing asks again, with the same key. The service writes the
//! key, the effect and the answer in one transaction ([`Keys::idempotent`]), so neither is there
//! without the others, whatever crashes:
//!
//! | a request with a key | gets |
//! |---|---|
//! | that is new | done; its answer is recorded, be it a success or a business rejection |
//! | whose first request runs in another transaction | that one's answer, once it has committed |
//! | that was answered | the same answer, marked as [replayed](Answer::is_replayed) |
//! | that was used for something else | [`KeyError::Conflict`] |
//! | that was cancelled, before it came or after | [`KeyError::Cancelled`], for good |
//!
//! Whoever gave up instead [cancels](Keys::cancel) the key: what was done is told once, to be undone;
//! what was not leaves a tombstone, so that the request is refused when it comes late.
//!
//! Work that goes on after its transaction (it calls others) takes a lease instead
//! ([`Keys::begin_lasting`]); who comes after a crash is told what was worked on.
//!
//! tower-keep's `IdempotencyLayer` keeps its keys here through a [`SqlStore`], and its handlers use
//! the same functions: the [`Ticket`] that [`Keys::finish`] wants is in the request's extensions.
//!
//! ```
//! use http::Request;
//! use tower_keep::idempotency::IdempotencyLayer;
//! use tower_keep_durable::{Db, idempotency::{Answer, KeyError, Keys, SqlStore, Ticket}};
//!
//! fn layer(db: &Db) -> IdempotencyLayer<SqlStore> {
//!     IdempotencyLayer::default().store(SqlStore::new(db))
//! }
//!
//! // What a handler behind it does. Without this a crash between effect and answer does it twice.
//! async fn place(db: &Db, request: Request<String>) -> Result<Answer, KeyError> {
//!     let answer = Answer::json(201, &"placed");
//!     let mut tx = db.begin_write().await?;
//!     sqlx::query("INSERT INTO orders (lines) VALUES ($1)")
//!         .bind(request.body())
//!         .execute(&mut *tx)
//!         .await?;
//!     // None: a request without a key.
//!     if let Some(ticket) = request.extensions().get::<Ticket>() {
//!         Keys::new(db).finish(&mut tx, ticket, &answer).await?;
//!     }
//!     tx.commit().await?;
//!     Ok(answer)
//! }
//! ```
//!
//! # When not
//!
//! For events: a consumer's inbox does it by the event's own id.

mod answer;
mod cancel;
mod error;
mod execute;
mod key;
mod keys;
mod lease;
mod purge;
mod row;
mod schema;
mod store;
mod take;
mod ticket;

pub use self::{
    answer::{Answer, InvalidHeader},
    cancel::Cancelled,
    error::KeyError,
    key::{Key, Keyed},
    keys::{Begun, Keys},
    lease::Lease,
    schema::SCHEMA,
    store::SqlStore,
    ticket::Ticket,
};
