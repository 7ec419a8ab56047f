//! What the database does without us.

use futures_util::future::try_join_all;
use tokio::time::Instant;
use tower_keep_durable::{Db, db::Schema};

use crate::{
    Failed,
    plan::{Plan, print},
};

const SCHEMA: Schema = Schema::new(
    "bench",
    &[&["CREATE TABLE bench (position {serial}, body TEXT NOT NULL)"]],
);

pub(crate) async fn measure(db: &Db, plan: Plan) -> Result<(), Failed> {
    db.migrate(&[SCHEMA]).await?;
    for writers in [1, 16] {
        let began = Instant::now();
        let counts = try_join_all((0..writers).map(|_| write(db, began, plan))).await?;
        let what = format!("storage: transactions of one insert, {writers} at a time");
        print(&what, counts.iter().sum(), began.elapsed());
    }
    Ok(())
}

/// One insert a transaction until the time is over.
async fn write(db: &Db, began: Instant, plan: Plan) -> Result<usize, sqlx::Error> {
    // As large as an event of the other rows.
    let body = "x".repeat(300);
    let mut count = 0;
    while began.elapsed() < plan.time {
        let mut tx = db.begin_write().await?;
        sqlx::query("INSERT INTO bench (body) VALUES ($1)")
            .bind(&*body)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        count += 1;
    }
    Ok(count)
}
