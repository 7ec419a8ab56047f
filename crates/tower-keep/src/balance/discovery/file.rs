use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    pin::Pin,
    str::FromStr,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokio::task::spawn_blocking;
use tower::discover::Change;

use super::{DiscoveryError, Polled};
use crate::BoxError;

/// The endpoints in a file, one a line, read again and again. What follows a `#` is a comment.
///
/// It is read, not watched: that works on every file system and through the symbolic links of
/// Kubernetes, and costs a small read. A file that cannot be read, that has no endpoint or a line that
/// is none is an error: all endpoints are kept as they were.
pub struct FileWatch<K>(Polled<K>);

impl<K> FileWatch<K>
where
    K: FromStr + Ord + Clone + Send + Sync + 'static,
    K::Err: fmt::Display,
{
    /// The endpoints in the file at `path`, read every 5 s.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::every(Duration::from_secs(5), path)
    }

    /// The same, read as often as you say.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn every(interval: Duration, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self(Polled::new(interval, move || {
            let path = path.clone();
            async move { parse(&spawn_blocking(move || read(&path)).await??) }
        }))
    }
}

/// Reads the file, up to a length that no list of endpoints has.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let mut file = File::open(path)?.take(MAX_BYTES + 1);
    if file.read_to_string(&mut text)? as u64 > MAX_BYTES {
        let problem = format!("is longer than {MAX_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(text)
}

const MAX_BYTES: u64 = 1 << 20;

/// The endpoints in a text.
pub(super) fn parse<K>(text: &str) -> Result<Vec<K>, BoxError>
where
    K: FromStr,
    K::Err: fmt::Display,
{
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        match line.parse() {
            Ok(endpoint) => found.push(endpoint),
            Err(error) => return Err(format!("line {}: `{line}`: {error}", at + 1).into()),
        }
    }
    Ok(found)
}

impl<K> Stream for FileWatch<K> {
    type Item = Result<Change<K, K>, DiscoveryError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

impl<K> fmt::Debug for FileWatch<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileWatch").finish_non_exhaustive()
    }
}
