use sqlx::AssertSqlSafe;

use super::{Tx, open::Engine};

/// The tables of one room or service, and how they came to be.
///
/// Each step is a list of statements; it is applied once, in order, and noted in the table
/// `keep_schema`. A released step is never changed: what comes later is one more step.
///
/// Two words stand for what the databases spell differently: `{serial}` for a primary key that
/// counts up, `{bytes}` for a column of bytes.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    name: &'static str,
    steps: &'static [&'static [&'static str]],
}

impl Schema {
    /// The schema `name`; names are unique within a database.
    #[must_use]
    pub const fn new(name: &'static str, steps: &'static [&'static [&'static str]]) -> Self {
        Self { name, steps }
    }

    /// Applies the steps that this database has not seen.
    pub(super) async fn apply(&self, tx: &mut Tx, engine: Engine) -> Result<(), sqlx::Error> {
        let (applied,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM keep_schema WHERE name = $1")
            .bind(self.name)
            .fetch_one(&mut **tx)
            .await?;
        let applied = usize::try_from(applied).unwrap_or_default();
        for (step, statements) in self.steps.iter().enumerate().skip(applied) {
            for statement in *statements {
                sqlx::query(AssertSqlSafe(engine.spell(statement)))
                    .execute(&mut **tx)
                    .await?;
            }
            sqlx::query("INSERT INTO keep_schema (name, step) VALUES ($1, $2)")
                .bind(self.name)
                .bind(i64::try_from(step).unwrap_or(i64::MAX))
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }
}
