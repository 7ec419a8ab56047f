use serde::Serialize;
use shop_kit::{events::Line, page::Page};

use super::{
    Store,
    row::{Row, reservation},
};
use crate::domain::Reservation;

/// A reservation with what it holds, or held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Listed {
    #[serde(flatten)]
    pub(crate) reservation: Reservation,
    pub(crate) lines: Vec<Line>,
}

impl Store {
    /// Those after the page's start, by their ids, with their lines.
    pub(crate) async fn list(&self, page: &Page) -> Result<Vec<Listed>, sqlx::Error> {
        // One statement, so that a reservation and its lines are of the same moment.
        let rows: Vec<LineRow> = sqlx::query_as(
            "SELECT r.id, r.order_id, r.status, r.total, r.currency, l.sku, l.quantity
             FROM (SELECT id, order_id, status, total, currency FROM reservations
                   WHERE id > $1 ORDER BY id LIMIT $2) r
             LEFT JOIN reservation_lines l ON l.reservation_id = r.id ORDER BY r.id, l.sku",
        )
        .bind(&page.after)
        .bind(page.limit)
        .fetch_all(self.db.pool())
        .await?;
        let mut listed: Vec<Listed> = Vec::new();
        for (id, order, status, total, currency, product, quantity) in rows {
            let row: Row = (id, order, status, total, currency);
            let reservation = reservation(row)?;
            if listed.last().map(|last| last.reservation.id) != Some(reservation.id) {
                listed.push(Listed {
                    reservation,
                    lines: Vec::new(),
                });
            }
            let line = product.zip(quantity);
            if let (Some(last), Some((product, quantity))) = (listed.last_mut(), line) {
                last.lines.push(Line { product, quantity });
            }
        }
        Ok(listed)
    }
}

type LineRow = (
    String,
    Option<String>,
    String,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<i64>,
);
