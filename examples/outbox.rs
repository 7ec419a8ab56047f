//! A change, what is told of it, and who hears of it twice: `cargo run --example outbox`.

use serde_json::json;
use tower_keep::BoxError;
use tower_keep_durable::{
    Bus, Consumer, Db, Event, Inbox, Outbox, Tx,
    bus::Types,
    consumer,
    db::{Schema, file_url},
    inbox::{Handler, HandlerError},
    outbox::{self, RelayConfig},
};

const SHOP: Schema = Schema::new("shop", &[&["CREATE TABLE parcels (id TEXT)"]]);

/// Packs a parcel, in the transaction that remembers the event.
struct Pack;

impl Handler for Pack {
    const NAME: &'static str = "packing";

    async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
        sqlx::query("INSERT INTO parcels (id) VALUES ($1)")
            .bind(event.subject())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let url = file_url(&folder.path().join("shop.db"));
    let db = Db::open(&url, &[SHOP, outbox::SCHEMA]).await?;
    db.migrate(&consumer::SCHEMAS).await?;
    let (bus, outbox) = (Bus::memory(), Outbox::new(db.clone()));
    let handler = Inbox::new(db.clone(), Pack);
    let packing = Consumer::new(db.clone(), bus.clone(), Pack::NAME, Types::all(), handler);
    let mut member = bus.subscribe(Pack::NAME, &Types::all()).await?; // a service: packing.run(stop)

    let mut tx = db.begin_write().await?; // and whatever the order changes
    let placed = Event::new("/orders", "order.placed.v1", json!({})).about("order-7");
    outbox.append(&mut tx, &placed).await?;
    outbox.commit(tx).await?;

    outbox
        .relay(bus.clone(), RelayConfig::default())
        .pass()
        .await?;
    bus.publish(&[placed]).await?; // once more, as a relay does that was killed too early
    for _ in 0..2 {
        println!("{:?}", packing.handle(member.next().await?).await?);
    }
    let (parcels,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM parcels")
        .fetch_one(db.pool())
        .await?;
    println!("told twice, packed {parcels} parcel");
    Ok(())
}
