//! Making, finding and replacing the generations of a view.

use sqlx::AssertSqlSafe;

use super::{Projection, View, view};
use crate::{BoxError, Db, Tx};

/// A row of `keep_projections`.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    pub(super) number: i64,
    pub(super) version: i64,
    pub(super) position: i64,
    pub(super) live: bool,
}

impl Generation {
    pub(super) fn view<P: Projection>(&self) -> View {
        View {
            tables: P::TABLES,
            generation: self.number,
        }
    }
}

/// All that there are, oldest first.
pub(super) async fn find<P: Projection>(db: &Db) -> Result<Vec<Generation>, sqlx::Error> {
    let rows: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT generation, version, position, live FROM keep_projections
         WHERE name = $1 ORDER BY generation",
    )
    .bind(P::NAME)
    .fetch_all(db.pool())
    .await?;
    let generation = |(number, version, position, live)| Generation {
        number,
        version,
        position,
        live: live == 1,
    };
    Ok(rows.into_iter().map(generation).collect())
}

/// Makes an empty generation, unless another makes the same one.
pub(super) async fn make<P: Projection>(db: &Db, number: i64, live: bool) -> Result<(), BoxError> {
    let names: Vec<_> = P::TABLES.iter().map(|table| table.name).collect();
    let mut tx = db.begin_write().await?;
    let made = sqlx::query(
        "INSERT INTO keep_projections
            (name, generation, version, tables, position, live, touched_at)
         VALUES ($1, $2, $3, $4, 0, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(P::NAME)
    .bind(number)
    .bind(P::VERSION)
    .bind(serde_json::to_string(&names)?)
    .bind(i64::from(live))
    .bind(db.now())
    .execute(&mut *tx)
    .await?;
    if made.rows_affected() == 0 {
        return Ok(());
    }
    for table in P::TABLES {
        for statement in table.statements {
            let statement = statement.replace("{table}", &view::name(table.name, number));
            say(&mut tx, db.engine().spell(&statement)).await?;
        }
        if live {
            show(&mut tx, table.name, number).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Replaces the live generation by this one and drops what was before, if this one is as far; false
/// if it is not, or another has done it.
pub(super) async fn replace<P: Projection>(db: &Db, next: &Generation) -> Result<bool, BoxError> {
    let mut tx = db.begin_write().await?;
    // Locks the live one where it is: from here on nobody moves it.
    let live: Option<(i64,)> = sqlx::query_as(
        "UPDATE keep_projections SET touched_at = $1 WHERE name = $2 AND live = 1
         RETURNING position",
    )
    .bind(db.now())
    .bind(P::NAME)
    .fetch_optional(&mut *tx)
    .await?;
    let Some((position,)) = live else {
        return Ok(false);
    };
    let replaced = sqlx::query(
        "UPDATE keep_projections SET live = 1
         WHERE name = $1 AND generation = $2 AND live = 0 AND position >= $3",
    )
    .bind(P::NAME)
    .bind(next.number)
    .bind(position)
    .execute(&mut *tx)
    .await?;
    if replaced.rows_affected() == 0 {
        return Ok(false);
    }
    let before: Vec<(i64, String, i64)> = sqlx::query_as(
        "DELETE FROM keep_projections WHERE name = $1 AND generation < $2
         RETURNING generation, tables, live",
    )
    .bind(P::NAME)
    .bind(next.number)
    .fetch_all(&mut *tx)
    .await?;
    for (number, tables, live) in before {
        let tables: Vec<String> = serde_json::from_str(&tables)?;
        for table in tables {
            if live == 1 {
                say(&mut tx, format!("DROP VIEW {table}")).await?;
            }
            let table = view::name(&table, number);
            say(&mut tx, format!("DROP TABLE {table}")).await?;
        }
    }
    for table in P::TABLES {
        show(&mut tx, table.name, next.number).await?;
    }
    tx.commit().await?;
    Ok(true)
}

async fn show(tx: &mut Tx, table: &str, number: i64) -> Result<(), sqlx::Error> {
    let of = view::name(table, number);
    say(tx, format!("CREATE VIEW {table} AS SELECT * FROM {of}")).await
}

/// Says what is made of names in the program and numbers.
async fn say(tx: &mut Tx, statement: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut **tx)
        .await
        .map(drop)
}
