use std::collections::BTreeMap;

use serde::Serialize;
use shop_kit::{db::money, money::Money};
use sqlx::AssertSqlSafe;

use super::Store;
use crate::domain::{OrderView, Status};

/// Which orders are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) customer: Option<String>,
    pub(crate) status: Option<Status>,
    pub(crate) limit: i64,
}

/// A customer at a glance. Its parts are read one after the other, so that an order which changes in
/// between may be in one as before and in the next as after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Dashboard {
    pub(crate) customer: String,
    /// How many there are in each status; those without any are left out.
    pub(crate) orders: BTreeMap<String, i64>,
    /// What the completed ones cost, in each currency.
    pub(crate) lifetime_value: Vec<Money>,
    /// The latest first.
    pub(crate) recent: Vec<OrderView>,
}

/// How far the views are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Progress {
    /// The number, in the log, of the last event that is shown.
    pub(crate) position: i64,
    /// How many were heard since.
    pub(crate) events_behind: u64,
    /// For how long the oldest of them has been there.
    pub(crate) micros_behind: u128,
}

/// How many orders a dashboard shows.
const RECENT: i64 = 10;

impl Store {
    /// The latest first.
    pub(crate) async fn search(&self, wanted: &Search) -> Result<Vec<OrderView>, sqlx::Error> {
        let mut sql = "SELECT * FROM order_view WHERE customer IS NOT NULL".to_owned();
        let status = wanted.status.map(Status::as_str);
        let filters = [("customer", wanted.customer.as_deref()), ("status", status)];
        let filters = filters
            .into_iter()
            .filter_map(|(column, value)| Some((column, value?)));
        let mut values = Vec::new();
        for (column, value) in filters {
            values.push(value);
            sql += &format!(" AND {column} = ${}", values.len());
        }
        sql += &format!(
            " ORDER BY created_at DESC, id DESC LIMIT ${}",
            values.len() + 1
        );
        // Constants of the program and numbers.
        let query = sqlx::query_as(AssertSqlSafe(sql));
        let query = values
            .into_iter()
            .fold(query, |query, value| query.bind(value));
        query.bind(wanted.limit).fetch_all(self.db.pool()).await
    }

    pub(crate) async fn dashboard(&self, customer: String) -> Result<Dashboard, sqlx::Error> {
        let orders: Vec<(String, i64)> = sqlx::query_as(
            "SELECT status, orders FROM customer_counts WHERE customer = $1 AND orders > 0",
        )
        .bind(&customer)
        .fetch_all(self.db.pool())
        .await?;
        let value: Vec<(i64, String)> = sqlx::query_as(
            "SELECT minor, currency FROM customer_value WHERE customer = $1 AND minor <> 0
             ORDER BY currency",
        )
        .bind(&customer)
        .fetch_all(self.db.pool())
        .await?;
        let recent = Search {
            customer: Some(customer.clone()),
            status: None,
            limit: RECENT,
        };
        Ok(Dashboard {
            recent: self.search(&recent).await?,
            orders: orders.into_iter().collect(),
            lifetime_value: value
                .into_iter()
                .map(|(minor, currency)| money(minor, &currency))
                .collect::<Result<_, _>>()?,
            customer,
        })
    }

    pub(crate) async fn progress(&self) -> Result<Progress, sqlx::Error> {
        let position = self.model.position().await?;
        let lag = self.model.lag().await?;
        Ok(Progress {
            position,
            events_behind: lag.events,
            micros_behind: lag.time.as_micros(),
        })
    }
}
