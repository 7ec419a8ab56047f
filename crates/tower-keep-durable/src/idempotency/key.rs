use serde::Serialize;
use sha2::{Digest, Sha256};
use tower_keep::idempotency::{Fingerprint, Id};

/// What one request is known by: an id of the caller's choice, within a scope.
///
/// The scope says what the id counts for: the operation, and who may use it where callers do not
/// trust each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub(super) scope: String,
    pub(super) id: String,
}

impl Key {
    /// The key `id` of `scope`, such as `order-7:reserve` of `inventory.reserve`.
    #[must_use]
    pub fn new(scope: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            scope: scope.into(),
            id: id.into(),
        }
    }

    /// With what the request asks for, so that another request under the same key is found out.
    /// Payloads that are the same data have the same fingerprint, however they were spaced.
    ///
    /// # Panics
    /// `payload` does not serialize to JSON: a map with keys that are not text, or a `Serialize`
    /// that fails.
    #[must_use]
    pub fn asks(self, payload: &impl Serialize) -> Keyed {
        let payload = serde_json::to_vec(payload).expect("what a request asks for is plain data");
        let digest: [u8; 32] = Sha256::digest(payload).into();
        self.with(Fingerprint::from_bytes(digest))
    }

    /// With a fingerprint that was taken elsewhere.
    #[must_use]
    pub fn with(self, fingerprint: Fingerprint) -> Keyed {
        Keyed {
            key: self,
            fingerprint,
        }
    }
}

/// The scope of what the HTTP layer keeps.
const HTTP: &str = "http";

/// The key under which the HTTP layer keeps a request.
impl From<Id> for Key {
    fn from(id: Id) -> Self {
        Self::new(HTTP, id.to_string())
    }
}

/// A request under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    pub(super) key: Key,
    pub(super) fingerprint: Fingerprint,
}

impl Keyed {
    /// The key, for who wants to cancel it.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }
}
