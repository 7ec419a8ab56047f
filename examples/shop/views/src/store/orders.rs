use shop_kit::{db::Tx, ids::OrderId, money::Money};
use tower_keep_durable::{
    BoxError,
    event_store::Recorded,
    projection::{Projection, Table, View},
};

use crate::domain::{OrderView, Status};

/// The views of orders: each as it is, and for each customer how many there are and what they are
/// worth.
#[derive(Debug)]
pub(crate) struct Orders;

impl Projection for Orders {
    const NAME: &'static str = "orders";
    const VERSION: i64 = 1;
    const TABLES: &'static [Table] = &[
        Table::new(
            "order_view",
            &[
                "CREATE TABLE {table} (
                    id TEXT PRIMARY KEY, customer TEXT, status TEXT NOT NULL, before_cancel TEXT,
                    total BIGINT, currency TEXT, payment TEXT, shipment TEXT,
                    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, version BIGINT NOT NULL)",
                "CREATE INDEX {table}_customer ON {table} (customer, created_at)",
                "CREATE INDEX {table}_status ON {table} (status, created_at)",
            ],
        ),
        Table::new(
            "customer_counts",
            &["CREATE TABLE {table} (
                customer TEXT NOT NULL, status TEXT NOT NULL, orders BIGINT NOT NULL,
                PRIMARY KEY (customer, status))"],
        ),
        Table::new(
            "customer_value",
            &["CREATE TABLE {table} (
                customer TEXT NOT NULL, currency TEXT NOT NULL, minor BIGINT NOT NULL,
                PRIMARY KEY (customer, currency))"],
        ),
    ];

    async fn apply(&self, tx: &mut Tx, view: &View, event: &Recorded) -> Result<(), BoxError> {
        let id: OrderId = event.key().unwrap_or_default().parse()?;
        // When it happened, and not when it was heard: a view that is built anew is the same.
        let told = event.time().map(|time| time.unix_timestamp_nanos() / 1000);
        let at = told.map_or(Ok(event.recorded_at), i64::try_from)?;
        let before: Option<OrderView> =
            sqlx::query_as(view.sql("SELECT * FROM {order_view} WHERE id = $1"))
                .bind(id.to_string())
                .fetch_optional(&mut **tx)
                .await?;
        let mut order = before.clone().unwrap_or_else(|| OrderView::new(id, at));
        order.apply(&event.event, at)?;
        put(tx, view, &order).await?;
        let was = before.as_ref().and_then(OrderView::counts);
        let is = order.counts();
        if was != is {
            for (counts, by) in [(was, -1), (is, 1)] {
                count(tx, view, counts, by).await?;
            }
        }
        Ok(())
    }
}

async fn put(tx: &mut Tx, view: &View, order: &OrderView) -> Result<(), sqlx::Error> {
    sqlx::query(view.sql(
        "INSERT INTO {order_view} (id, customer, status, before_cancel, total, currency, payment, shipment,
            created_at, updated_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (id) DO UPDATE SET customer = $2, status = $3, before_cancel = $4, total = $5,
            currency = $6, payment = $7, shipment = $8, created_at = $9, updated_at = $10,
            version = $11",
    ))
    .bind(order.id.to_string())
    .bind(order.customer.as_deref())
    .bind(order.status.as_str())
    .bind(order.before.map(Status::as_str))
    .bind(order.total.map(|total| total.minor))
    .bind(order.total.map(|total| total.currency.to_string()))
    .bind(order.payment.as_deref())
    .bind(order.shipment.as_deref())
    .bind(order.created_at)
    .bind(order.updated_at)
    .bind(order.version)
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Adds what an order counts, or takes it away.
async fn count(
    tx: &mut Tx,
    view: &View,
    counts: Option<(&str, Status, Option<Money>)>,
    by: i64,
) -> Result<(), sqlx::Error> {
    let Some((customer, status, worth)) = counts else {
        return Ok(());
    };
    sqlx::query(view.sql(
        "INSERT INTO {customer_counts} (customer, status, orders) VALUES ($1, $2, $3)
         ON CONFLICT (customer, status) DO UPDATE SET orders = {customer_counts}.orders + $3",
    ))
    .bind(customer)
    .bind(status.as_str())
    .bind(by)
    .execute(&mut **tx)
    .await?;
    if let Some(worth) = worth {
        sqlx::query(view.sql(
            "INSERT INTO {customer_value} (customer, currency, minor) VALUES ($1, $2, $3)
             ON CONFLICT (customer, currency) DO UPDATE SET minor = {customer_value}.minor + $3",
        ))
        .bind(customer)
        .bind(worth.currency.to_string())
        .bind(worth.minor * by)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
