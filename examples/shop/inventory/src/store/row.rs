use shop_kit::{
    db::{Tx, decode, money},
    ids::ReservationId,
};

use crate::domain::{Reservation, status};

/// The columns that [`reservation`] reads.
pub(super) type Row = (String, Option<String>, String, Option<i64>, Option<String>);

/// The reservation of this id, if there is one.
pub(super) async fn load(
    tx: &mut Tx,
    id: ReservationId,
) -> Result<Option<Reservation>, sqlx::Error> {
    sqlx::query_as("SELECT id, order_id, status, total, currency FROM reservations WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?
        .map(reservation)
        .transpose()
}

pub(super) fn reservation(
    (id, order, status, total, currency): Row,
) -> Result<Reservation, sqlx::Error> {
    Ok(Reservation {
        id: id.parse().map_err(decode)?,
        order: order
            .map(|order| order.parse().map_err(decode))
            .transpose()?,
        status: status::named(&status),
        total: total
            .zip(currency)
            .map(|(minor, currency)| money(minor, &currency))
            .transpose()?,
    })
}
