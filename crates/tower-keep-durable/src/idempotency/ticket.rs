use super::Key;

/// The right to execute and to finish a key.
///
/// Whoever takes over after the lease has another, and then this one finishes nothing. A handler
/// behind [`SqlStore`](super::SqlStore) finds its own in the extensions of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub(super) key: Key,
    pub(super) owner: String,
}

impl Ticket {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }
}
