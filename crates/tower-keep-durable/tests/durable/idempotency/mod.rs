//! Keys: what is done once, what is refused, what is cancelled.

mod cancel;
mod keys;
mod race;
mod store;

use tower_keep_durable::{
    Db, Tx,
    db::Schema,
    idempotency::{Answer, Key, KeyError, Keyed, Keys, SCHEMA},
};

const STOCK: Schema = Schema::new(
    "stock",
    &[&[
        "CREATE TABLE stock (free BIGINT NOT NULL)",
        "INSERT INTO stock (free) VALUES (1)",
    ]],
);

pub(crate) const SCHEMAS: [Schema; 2] = [SCHEMA, STOCK];

pub(crate) fn key(id: &str) -> Key {
    Key::new("stock.take", id)
}

pub(crate) fn take(id: &str) -> Keyed {
    key(id).asks(&1)
}

pub(crate) async fn free(db: &Db) -> i64 {
    let row: (i64,) = sqlx::query_as("SELECT free FROM stock")
        .fetch_one(db.pool())
        .await
        .unwrap();
    row.0
}

pub(crate) async fn add(tx: &mut Tx, n: i64) {
    sqlx::query("UPDATE stock SET free = free + $1")
        .bind(n)
        .execute(&mut **tx)
        .await
        .unwrap();
}

pub(crate) async fn restock(db: &Db, n: i64) {
    let mut tx = db.begin_write().await.unwrap();
    add(&mut tx, n).await;
    tx.commit().await.unwrap();
}

/// Takes one of the stock and then looks whether that was one too many.
pub(crate) async fn execute(db: &Db, keyed: &Keyed) -> Result<Answer, KeyError> {
    let mut tx = db.begin_write().await?;
    let answer = Keys::new(db)
        .idempotent::<KeyError>(&mut tx, keyed, async |tx| {
            add(tx, -1).await;
            let (free,): (i64,) = sqlx::query_as("SELECT free FROM stock")
                .fetch_one(&mut **tx)
                .await?;
            Ok(match free {
                0.. => Answer::json(201, &free),
                _ => Answer::json(409, &"sold out"),
            })
        })
        .await?;
    tx.commit().await?;
    Ok(answer)
}
