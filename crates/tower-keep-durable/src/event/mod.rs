//! What happened, as others may read it: a [CloudEvents 1.0] envelope around plain data.
//!
//! An event is told once and never changed. It is the same event wherever it has the same `source`
//! and `id`; that pair is what an inbox remembers.
//!
//! ```
//! use serde_json::json;
//! use tower_keep_durable::Event;
//!
//! let created = Event::new("/shop/orders", "shop.order.created.v1", json!({"total": 4200}))
//!     .about("order-7")
//!     .keyed("order-7"); // events of one key are delivered in order
//! let reserved = Event::new("/shop/inventory", "shop.stock.reserved.v1", json!({}))
//!     .caused_by(&created);
//! assert_eq!(reserved.key(), Some("order-7"));
//! assert_eq!(reserved.correlation_id(), created.correlation_id());
//! ```
//!
//! It travels in the JSON format ([`Event::to_json`], or many in a [batch](Event::batch_to_json)), or in
//! binary mode, where attributes are headers ([`Event::to_http`], [`Event::to_binary`] for brokers):
//!
//! ```
//! # use serde_json::json;
//! # use tower_keep_durable::{Event, event::InvalidEvent};
//! # fn main() -> Result<(), InvalidEvent> {
//! let paid = Event::new("/shop/payments", "shop.payment.captured.v1", json!({"total": 4200}));
//! let (headers, body) = paid.to_http()?;
//! assert_eq!(headers["ce-type"], "shop.payment.captured.v1");
//! assert_eq!(Event::from_http(&headers, body)?, paid);
//!
//! // What comes in is refused with the name of the attribute.
//! let error = Event::from_json(r#"{"specversion": "1.0", "id": ""}"#).unwrap_err();
//! assert_eq!(error.to_string(), "id: is missing or empty");
//! # Ok(()) }
//! ```
//!
//! Not for what must stay inside of a service: an event is a promise to others.
//!
//! [CloudEvents 1.0]: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md

mod attribute;
mod binary;
mod envelope;
mod http;
mod invalid;
mod json;
mod media_type;
mod message;
mod percent;
mod rules;
mod text;

pub use self::{
    attribute::Attribute,
    binary::Binding,
    envelope::{Data, Event},
    invalid::InvalidEvent,
};
