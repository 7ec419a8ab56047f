use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{task::spawn_blocking, time::sleep};

use super::{Document, Registry, RegistryError, document::contents};

impl Registry {
    /// Applies a file now and whenever its contents change, until dropped: spawn it.
    ///
    /// It looks at the contents `every` so often, rather than at dates or through notifications, so
    /// that it sees whatever an editor, `kubectl` (which swaps symbolic links) or a network file system
    /// does. What is new counts only when it was the same at two looks, at most a second apart: a file
    /// that is still being written is not taken for one where lines are missing.
    ///
    /// A file that is not there, cannot be read or cannot work is told of once
    /// ([`EventKind::DocumentRefused`]), and what was in force stays.
    ///
    /// [`EventKind::DocumentRefused`]: crate::observe::EventKind::DocumentRefused
    pub async fn watch(self, path: impl Into<PathBuf>, every: Duration) -> Infallible {
        let path = Arc::new(path.into());
        let every = every.max(SHORTEST);
        let mut settled = None;
        loop {
            let seen = look(path.clone()).await;
            if settled.as_ref() != Some(&seen) {
                sleep(every.min(SETTLES_WITHIN)).await;
                if look(path.clone()).await == seen && self.take(&path, &seen) {
                    settled = Some(seen);
                }
            }
            sleep(every).await;
        }
    }

    /// Applies what was seen; false if it has to be tried again.
    fn take(&self, path: &Path, seen: &Result<String, RegistryError>) -> bool {
        let document = seen.clone().and_then(|text| Document::in_file(path, &text));
        match document {
            Ok(document) => {
                let applied = self.turn().and_then(|_turn| self.apply_all(document));
                if applied == Err(RegistryError::Busy) {
                    return false;
                }
                self.tell_of_document(path.display().to_string(), &applied);
            }
            Err(error) => self.tell_of_document(path.display().to_string(), &Err(error)),
        }
        true
    }
}

/// Not on the threads that serve requests: a file system can be slow.
async fn look(path: Arc<PathBuf>) -> Result<String, RegistryError> {
    let there = path.clone();
    let read = spawn_blocking(move || contents(&there)).await;
    read.unwrap_or_else(|_| {
        Err(RegistryError::File {
            path: path.to_path_buf(),
            problem: "the runtime is shutting down".to_owned(),
        })
    })
}

const SHORTEST: Duration = Duration::from_millis(10);
const SETTLES_WITHIN: Duration = Duration::from_secs(1);
