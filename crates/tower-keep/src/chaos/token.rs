use std::{
    fmt,
    time::{Duration, SystemTime},
};

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use super::Fault;
use crate::common::clock;

/// What signs and checks [`Token`]s: at least 32 bytes that only you know.
///
/// Debug shows nothing of it, and it is compared in constant time.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl Secret {
    /// A secret.
    ///
    /// # Panics
    /// If it is shorter than 32 bytes: it could be guessed.
    #[must_use]
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        assert!(bytes.len() >= 32, "a secret has at least 32 bytes");
        Self(Hmac::new_from_slice(bytes).expect("HMAC takes keys of any length"))
    }

    /// Allows whoever has the token to make one call after another suffer `fault` for so long.
    #[must_use]
    pub fn sign(&self, fault: &Fault, valid_for: Duration) -> Token {
        let until = seconds(clock::wall() + valid_for);
        let terms = format!("{fault};until={until}");
        let tag = self.tag(&terms).finalize().into_bytes();
        let mut token = format!("{terms};tag=");
        for byte in tag {
            token.push_str(&format!("{byte:02x}"));
        }
        Token(HeaderValue::try_from(token).expect("words and numbers are a header value"))
    }

    /// The fault that a request asks for, if its token is ours and still valid.
    pub(super) fn fault_in(&self, headers: &HeaderMap) -> Option<Fault> {
        let token = headers.get(&HEADER)?.to_str().ok()?;
        let (terms, tag) = token.rsplit_once(";tag=")?;
        self.tag(terms).verify_slice(&bytes(tag)?).ok()?;
        let (fault, until) = terms.rsplit_once(";until=")?;
        let is_valid = until.parse::<u64>().ok()? > seconds(clock::wall());
        is_valid.then(|| fault.parse().ok())?
    }

    fn tag(&self, terms: &str) -> Hmac<Sha256> {
        self.0.clone().chain_update(terms)
    }
}

/// The header that a request asks for a fault in.
static HEADER: HeaderName = HeaderName::from_static("x-chaos");

/// The leave to make a call suffer, for the header `x-chaos`: a fault, the second until which it may
/// be asked for, and a tag (HMAC-SHA-256) that shows that you gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(HeaderValue);

impl Token {
    /// The name of its header.
    #[must_use]
    pub fn header_name() -> HeaderName {
        HEADER.clone()
    }

    /// The token as a header's value.
    #[must_use]
    pub fn as_header_value(&self) -> &HeaderValue {
        &self.0
    }
}

/// The seconds since 1970.
fn seconds(moment: SystemTime) -> u64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// The bytes of hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
