use std::fmt;

use http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};

use crate::{common::target, protocol::Head};

/// What a key is kept under: a digest of the key, what it counts for and who may use it.
///
/// Of one length, whatever clients send; and it tells nobody what they sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id([u8; 32]);

impl Id {
    /// The bytes, for a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn of(head: &Head<'_>, key: &str, scope: Option<&str>) -> Self {
        let digest = Sha256::new()
            .chain_update(head.method.as_str())
            .chain_update([0])
            .chain_update(head.uri.path())
            .chain_update([0]);
        let digest = match target::nested(head) {
            Some(path) => digest.chain_update(path).chain_update([0]),
            None => digest,
        };
        let digest = match scope {
            Some(scope) => digest.chain_update("scope").chain_update(scope),
            None => head
                .headers
                .get_all(header::AUTHORIZATION)
                .iter()
                .fold(digest, |digest, value| {
                    digest.chain_update([1]).chain_update(value)
                }),
        };
        Self(digest.chain_update([0]).chain_update(key).finalize().into())
    }
}

/// In hexadecimal.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

/// The header that has the key.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The key of a request, or what is wrong with it: the draft's quoted string, or the same without the
/// quotes, which is what most clients send.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err("was sent more than once: send one");
    }
    let text = value.to_str().unwrap_or_default().trim();
    let key = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    let is_key = (1..=255).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"');
    is_key
        .then_some(Some(key))
        .ok_or("is not 1 to 255 visible ASCII characters: a UUID is a good one")
}
