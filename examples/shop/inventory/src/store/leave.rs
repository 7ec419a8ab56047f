use shop_kit::{
    db::Tx,
    drills::{self, mistakes::NO_TOMBSTONE},
    events::{StockCommitted, StockReleased},
    ids::ReservationId,
};

use super::{Store, row::load};
use crate::domain::{Refusal, Reservation, status};

/// A reservation after something was wanted of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Left {
    pub(super) reservation: Reservation,
    /// Whether that has changed it.
    pub(super) moved: bool,
}

impl Store {
    /// Lets the stock of a reservation leave the house, once. None if there is no such reservation.
    pub(crate) async fn commit(
        &self,
        id: ReservationId,
    ) -> Result<Option<Result<Reservation, Refusal>>, sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let Some(left) = commit_within(&mut tx, id).await? else {
            return Ok(None);
        };
        let found = left.reservation;
        if let (true, Some(order)) = (left.moved, found.order) {
            let reservation = id;
            self.tell(&mut tx, &StockCommitted { order, reservation })
                .await?;
        }
        self.outbox.commit(tx).await?;
        Ok(Some(match found.status {
            status::COMMITTED => Ok(found),
            status::RELEASED => Err(Refusal::Released),
            _ => Err(Refusal::Exists),
        }))
    }

    /// Puts the stock of a reservation back, also if it had left and its parcel was called back.
    /// Before the reservation exists this leaves a tombstone, so that a reservation that is still
    /// under way cannot take the stock afterwards.
    pub(crate) async fn release(&self, id: ReservationId) -> Result<Reservation, sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let left = release_within(&mut tx, id).await?;
        let found = left.reservation;
        if let (true, Some(order)) = (left.moved, found.order) {
            let reservation = id;
            self.tell(&mut tx, &StockReleased { order, reservation })
                .await?;
        }
        if drills::makes(NO_TOMBSTONE) && found.order.is_none() {
            tx.rollback().await?;
            return Ok(found);
        }
        self.outbox.commit(tx).await?;
        Ok(found)
    }
}

/// [`Store::commit`] in this transaction; nobody is told.
pub(super) async fn commit_within(
    tx: &mut Tx,
    id: ReservationId,
) -> Result<Option<Left>, sqlx::Error> {
    let moved = step(tx, id, &[status::HELD], status::COMMITTED).await?;
    let found = load(tx, id).await?;
    Ok(found.map(|reservation| Left { reservation, moved }))
}

/// [`Store::release`] in this transaction; nobody is told. A new tombstone has moved.
pub(super) async fn release_within(tx: &mut Tx, id: ReservationId) -> Result<Left, sqlx::Error> {
    // The insert comes first: on PostgreSQL it waits for a reservation of this id to commit.
    let buried =
        sqlx::query("INSERT INTO reservations (id, status) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(id.to_string())
            .bind(status::RELEASED)
            .execute(&mut **tx)
            .await?;
    let from = [status::HELD, status::COMMITTED];
    let released = step(tx, id, &from, status::RELEASED).await?;
    if released {
        put_back(tx, id).await?;
    }
    let reservation = load(tx, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Left {
        reservation,
        moved: released || buried.rows_affected() == 1,
    })
}

/// Moves a reservation that is in one of the states `from`; false if it is in another.
async fn step(
    tx: &mut Tx,
    id: ReservationId,
    from: &[&str],
    to: &str,
) -> Result<bool, sqlx::Error> {
    for from in from {
        let moved =
            sqlx::query("UPDATE reservations SET status = $1 WHERE id = $2 AND status = $3")
                .bind(to)
                .bind(id.to_string())
                .bind(*from)
                .execute(&mut **tx)
                .await?;
        if moved.rows_affected() == 1 {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn put_back(tx: &mut Tx, id: ReservationId) -> Result<(), sqlx::Error> {
    // One order for everybody: two reservations can never wait for each other.
    let lines: Vec<(String, i64)> = sqlx::query_as(
        "SELECT sku, quantity FROM reservation_lines WHERE reservation_id = $1 ORDER BY sku",
    )
    .bind(id.to_string())
    .fetch_all(&mut **tx)
    .await?;
    for (sku, quantity) in lines {
        sqlx::query("UPDATE products SET on_hand = on_hand + $1 WHERE sku = $2")
            .bind(quantity)
            .bind(sku)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
