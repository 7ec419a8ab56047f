//! A bus in the memory of one process, for tests and for programs that may forget.
//!
//! It keeps everything a bus must keep but one thing: what was published is gone with the process.
//! It knows no time but tokio's, so tests may pause it.
//!
//! ```
//! use serde_json::json;
//! use tower_keep_durable::{Bus, Event, bus::Types};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_keep_durable::bus::BusError> {
//! let bus = Bus::memory();
//! let mut payments = bus.subscribe("payments", &Types::of(["shop.order.*"])).await?;
//! let placed = Event::new("/shop/orders", "shop.order.placed.v1", json!({"total": 4200}));
//! bus.publish(&[placed.keyed("order-7")]).await?;
//!
//! let delivery = payments.next().await?;
//! assert_eq!(delivery.event().key(), Some("order-7"));
//! delivery.ack().await?;
//! # Ok(()) }
//! ```

mod backend;
mod lane;
mod member;

pub use self::backend::{Memory, MemoryConfig};
