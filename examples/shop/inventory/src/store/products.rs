use serde::Serialize;
use shop_kit::{
    db::{Tx, money},
    money::Money,
};

use super::Store;
use crate::domain::{Product, status};

impl Store {
    /// Adds the products that are missing.
    pub(crate) async fn seed(&self, products: &[Product]) -> Result<(), sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        for product in products {
            sqlx::query(
                "INSERT INTO products (sku, name, price, currency, seeded, on_hand)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            )
            .bind(&product.sku)
            .bind(&product.name)
            .bind(product.price.minor)
            .bind(product.price.currency.to_string())
            .bind(product.on_hand)
            .bind(product.on_hand)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await
    }

    /// Every product with what is free and what is set aside.
    pub(crate) async fn products(&self) -> Result<Vec<ProductView>, sqlx::Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT p.sku, p.name, p.price, p.currency, p.seeded, p.on_hand,
                    CAST(COALESCE(SUM(CASE WHEN r.status = $1 THEN l.quantity END), 0) AS BIGINT),
                    CAST(COALESCE(SUM(CASE WHEN r.status = $2 THEN l.quantity END), 0) AS BIGINT)
             FROM products p
             LEFT JOIN reservation_lines l ON l.sku = p.sku
             LEFT JOIN reservations r ON r.id = l.reservation_id
             GROUP BY p.sku, p.name, p.price, p.currency, p.seeded, p.on_hand ORDER BY p.sku",
        )
        .bind(status::HELD)
        .bind(status::COMMITTED)
        .fetch_all(self.db.pool())
        .await?;
        let view = |(sku, name, price, currency, seeded, on_hand, reserved, shipped): Row| {
            Ok(ProductView {
                sku,
                name,
                price: money(price, &currency)?,
                seeded,
                on_hand,
                reserved,
                shipped,
            })
        };
        rows.into_iter().map(view).collect()
    }
}

type Row = (String, String, i64, String, i64, i64, i64, i64);

/// One product with its stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ProductView {
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) price: Money,
    /// What there was in the beginning.
    pub(crate) seeded: i64,
    /// What is free.
    pub(crate) on_hand: i64,
    /// What is set aside for orders.
    pub(crate) reserved: i64,
    /// What has left the house.
    pub(crate) shipped: i64,
}

/// One product, as it is in this transaction.
pub(super) async fn product(tx: &mut Tx, sku: &str) -> Result<Option<Product>, sqlx::Error> {
    let row: Option<(String, String, i64, String, i64)> =
        sqlx::query_as("SELECT sku, name, price, currency, on_hand FROM products WHERE sku = $1")
            .bind(sku)
            .fetch_optional(&mut **tx)
            .await?;
    row.map(|(sku, name, price, currency, on_hand)| {
        Ok(Product {
            sku,
            name,
            price: money(price, &currency)?,
            on_hand,
        })
    })
    .transpose()
}
