//! Sagas against toy participants that keep books: whatever is done to a saga, the books must add up.

mod crash;
mod directed;
mod harness;
mod killed;
mod operator;
mod outcome;
mod time;
mod toy;
mod trio;
mod undo;
mod workers;

/// Makes of `async fn name(db: Db)` a test on each database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                let file = tower_keep_durable::testing::TestDb::sqlite(
                    &super::super::harness::SCHEMAS,
                ).await;
                super::$name(file.db.clone()).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                let schemas = &super::super::harness::SCHEMAS;
                tower_keep_durable::testing::on_postgres(schemas, super::$name).await;
            })+
        }
    };
}
pub(crate) use self::{
    harness::{SCHEMAS, Shop},
    toy::Step,
};
pub(crate) use on_both;
