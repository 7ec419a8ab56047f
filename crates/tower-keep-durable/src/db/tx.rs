use std::ops::{Deref, DerefMut};

use sqlx::{Any, AnyConnection, Transaction};

use super::place;

/// A transaction on either database. Dropped without a commit, it is rolled back.
///
/// Statements run on `&mut *tx`, or `&mut **tx` where `tx` is a `&mut Tx`. A type of its own, because
/// sqlx's has a lifetime: async closures that take it could not run on a task.
#[derive(Debug)]
pub struct Tx(Transaction<'static, Any>);

impl Tx {
    pub(super) fn new(transaction: Transaction<'static, Any>) -> Self {
        Self(transaction)
    }

    /// Makes what was written stay. Cancelled, it has been committed or rolled back, and which is
    /// not known.
    ///
    /// # Errors
    /// The database fails or refuses; after an error that is not a refusal it may be committed.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        place("before a commit");
        self.0.commit().await?;
        place("after a commit");
        Ok(())
    }

    /// Takes back what was written, and waits until it is; to drop it does so without waiting.
    ///
    /// # Errors
    /// The database fails; it is rolled back all the same.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.0.rollback().await
    }
}

impl Deref for Tx {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.0
    }
}
