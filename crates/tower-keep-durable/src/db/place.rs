use sqlx::{Any, any::AnyArguments, query::Query};

use super::Db;

/// A place at which a test may kill the process, see
/// [`crash_point`](crate::testing::crash_point). Without the feature `testing` it is nothing.
#[inline]
pub(crate) fn place(name: &str) {
    #[cfg(feature = "testing")]
    crate::testing::crash_point(name);
    #[cfg(not(feature = "testing"))]
    let _ = name;
}

impl Db {
    /// Executes a statement that is a transaction of its own, and answers how many rows it changed.
    ///
    /// For what is done because there is something to do, with a place before and after it. What is
    /// done again and again, as leases are renewed and old rows deleted, has none: it would make a
    /// sweep endless, and changes nothing that a crash could lose.
    pub(crate) async fn execute(
        &self,
        statement: Query<'_, Any, AnyArguments>,
    ) -> Result<u64, sqlx::Error> {
        place("before a statement");
        let changed = statement.execute(self.pool()).await?.rows_affected();
        if changed > 0 {
            place("after a statement");
        }
        Ok(changed)
    }
}
