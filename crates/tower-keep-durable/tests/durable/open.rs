use tower_keep_durable::{
    Db,
    db::{Schema, file_url},
    testing::{TestDb, on_postgres},
};

use crate::support::cut;

const FIRST: Schema = Schema::new("t", &[&["CREATE TABLE t (id TEXT PRIMARY KEY)"]]);
const SECOND: Schema = Schema::new(
    "t",
    &[
        &["CREATE TABLE t (id TEXT PRIMARY KEY)"],
        &[
            "ALTER TABLE t ADD COLUMN total BIGINT NOT NULL DEFAULT 7",
            "CREATE TABLE u (position {serial}, data {bytes})",
        ],
    ],
);

#[tokio::test]
async fn ten_starters_of_one_fresh_file_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let url = file_url(&folder.path().join("with space & 100%.db"));
    let starters: Vec<_> = (0..10)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Db::open(&url, &[FIRST]).await.map(drop) })
        })
        .collect();
    for starter in starters {
        starter.await.unwrap().unwrap();
    }
    assert!(folder.path().join("with space & 100%.db").exists());
}

#[tokio::test]
async fn a_missing_folder_and_a_foreign_url_are_told_in_one_line() {
    for url in [
        "sqlite:///no/such/folder/a.db",
        "mysql://localhost/a",
        "a.db",
    ] {
        let error = Db::open(url, &[]).await.unwrap_err().to_string();
        assert!(error.starts_with("cannot open the database"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

async fn a_later_step_is_added_to_what_is_there(db: Db) {
    db.migrate(&[FIRST]).await.unwrap();
    sqlx::query("INSERT INTO t (id) VALUES ('a')")
        .execute(db.pool())
        .await
        .unwrap();
    for _ in 0..2 {
        db.migrate(&[SECOND]).await.unwrap();
    }
    let (total,): (i64,) = sqlx::query_as("SELECT total FROM t WHERE id = 'a'")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(total, 7);
    sqlx::query("INSERT INTO u (data) VALUES ($1)")
        .bind(&b"bytes"[..])
        .execute(db.pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn schema_grows_on_sqlite() {
    let file = TestDb::sqlite(&[]).await;
    a_later_step_is_added_to_what_is_there(file.db.clone()).await;
}

#[tokio::test]
async fn schema_grows_on_postgres() {
    on_postgres(&[], a_later_step_is_added_to_what_is_there).await;
}

async fn a_begin_that_is_cut_off_leaves_no_transaction_open(db: Db) {
    db.migrate(&[FIRST]).await.unwrap();
    for polls in 0..40 {
        for n in 0..3 {
            drop(cut(polls, db.begin_write()).await);
            // Autocommitted, unless the connection is in a transaction that nobody knows of.
            sqlx::query("INSERT INTO t (id) VALUES ($1)")
                .bind(format!("{polls}-{n}"))
                .execute(db.pool())
                .await
                .unwrap();
        }
    }
    let mut connections = Vec::new();
    for _ in 0..8 {
        connections.push(db.pool().acquire().await.unwrap());
    }
    for connection in &mut connections {
        let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM t")
            .fetch_one(&mut **connection)
            .await
            .unwrap();
        assert_eq!(count, 120);
    }
}

#[tokio::test]
async fn begins_are_cut_off_on_sqlite() {
    let file = TestDb::sqlite(&[]).await;
    a_begin_that_is_cut_off_leaves_no_transaction_open(file.db.clone()).await;
}

#[tokio::test]
async fn begins_are_cut_off_on_postgres() {
    on_postgres(&[], a_begin_that_is_cut_off_leaves_no_transaction_open).await;
}
