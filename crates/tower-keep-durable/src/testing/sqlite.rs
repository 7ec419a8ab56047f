use tempfile::TempDir;

use crate::db::{Db, Schema, file_url};

/// A SQLite database that only one test uses.
#[derive(Debug)]
pub struct TestDb {
    /// The open database.
    pub db: Db,
    url: String,
    _folder: TempDir,
}

impl TestDb {
    /// A fresh SQLite file; it goes away with the value.
    ///
    /// # Panics
    /// The temp folder cannot be written.
    pub async fn sqlite(schemas: &[Schema]) -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let url = file_url(&folder.path().join("test.db"));
        let db = Db::open(&url, schemas).await.expect("a fresh file");
        Self {
            db,
            url,
            _folder: folder,
        }
    }

    /// Where it is, for whoever opens it a second time.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
