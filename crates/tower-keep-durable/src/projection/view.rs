use sqlx::AssertSqlSafe;

/// A table of a view.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub(super) name: &'static str,
    pub(super) statements: &'static [&'static str],
}

impl Table {
    /// The table that is read as `name`, and the statements that make it and its indexes. `{table}`
    /// stands for the name that it has in them, also within the names of indexes; `{serial}` and
    /// `{bytes}` as in a [`Schema`](crate::db::Schema).
    ///
    /// ```
    /// use tower_keep_durable::projection::Table;
    ///
    /// const ORDERS: Table = Table::new("orders_by_customer", &[
    ///     "CREATE TABLE {table} (id TEXT PRIMARY KEY, customer TEXT NOT NULL)",
    ///     "CREATE INDEX {table}_customer ON {table} (customer)",
    /// ]);
    /// ```
    #[must_use]
    pub const fn new(name: &'static str, statements: &'static [&'static str]) -> Self {
        Self { name, statements }
    }
}

/// The generation of a view that an event is applied to.
#[derive(Debug, Clone, Copy)]
pub struct View {
    pub(super) tables: &'static [Table],
    pub(super) generation: i64,
}

impl View {
    /// The statement with the tables of this generation: `{orders}` is the table `orders`.
    ///
    /// ```
    /// # use tower_keep_durable::{Tx, projection::View};
    /// # async fn apply(tx: &mut Tx, view: &View) -> Result<(), sqlx::Error> {
    /// sqlx::query(view.sql("UPDATE {orders} SET paid = 1 WHERE id = $1"))
    ///     .bind("order-7")
    ///     .execute(&mut **tx)
    ///     .await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn sql(&self, statement: &'static str) -> AssertSqlSafe<String> {
        let mut spelt = statement.to_owned();
        for table in self.tables {
            spelt = spelt.replace(
                &format!("{{{}}}", table.name),
                &name(table.name, self.generation),
            );
        }
        // Two constants of the program and a number.
        AssertSqlSafe(spelt)
    }
}

/// The table of a generation.
pub(super) fn name(table: &str, generation: i64) -> String {
    format!("{table}_{generation}")
}
