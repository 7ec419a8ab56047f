use super::Keys;
use crate::db::Db;

/// How many keys one statement removes: it holds SQLite's write lock for milliseconds only.
const PIECE: u32 = 500;

/// Removes the keys whose day is over; a service calls it when it starts.
///
/// # Errors
/// The database fails.
pub async fn forget_old(db: &Db) -> Result<(), sqlx::Error> {
    let keys = Keys::new(db);
    while keys.purge(db, PIECE).await? == u64::from(PIECE) {}
    Ok(())
}
