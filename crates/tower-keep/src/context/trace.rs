use std::{
    fmt,
    num::{NonZeroU64, NonZeroU128},
    str::FromStr,
};

use http::HeaderValue;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::Context;
use crate::common::unique;

/// A position in a distributed trace: which trace, and which span in it is the parent.
///
/// The `traceparent` header of [W3C Trace Context]. A header of a future version is read by the rules
/// of version 00, as the standard wants it, and written as version 00.
///
/// [W3C Trace Context]: https://www.w3.org/TR/trace-context/#traceparent-header
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TraceParent {
    trace_id: NonZeroU128,
    span_id: NonZeroU64,
    flags: u8,
}

impl TraceParent {
    /// The start of a new trace.
    ///
    /// It is flagged as sampled: a service further on that follows the flag would otherwise record
    /// nothing of it.
    #[must_use]
    pub fn new() -> Self {
        Self::from_uuid(unique::uuid())
    }

    /// The start of the trace that has this UUID as its id, so that a search for either finds both.
    ///
    /// # Panics
    /// If the UUID is nil.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self {
            trace_id: NonZeroU128::new(uuid.as_u128()).expect("the nil UUID is not a trace id"),
            span_id: new_span_id(),
            flags: SAMPLED,
        }
    }

    /// Takes a `traceparent` from outside.
    ///
    /// # Errors
    /// If the standard says that it is invalid.
    pub fn parse(text: &str) -> Result<Self, InvalidTraceParent> {
        Self::from_bytes(text.as_bytes()).ok_or(InvalidTraceParent)
    }

    /// Takes a `traceparent` from outside, if it is valid.
    #[must_use]
    pub fn from_header(value: &HeaderValue) -> Option<Self> {
        Self::from_bytes(value.as_bytes())
    }

    fn from_bytes(text: &[u8]) -> Option<Self> {
        let (known, rest) = text.split_first_chunk::<LENGTH>()?;
        let version = hex(&known[..2])?;
        match version {
            0 if !rest.is_empty() => return None,
            0xff => return None,
            // A future version may append fields, after one more dash.
            _ if !matches!(rest.first(), None | Some(b'-')) => return None,
            _ => {}
        }
        if [2, 35, 52].iter().any(|&dash| known[dash] != b'-') {
            return None;
        }
        Some(Self {
            trace_id: NonZeroU128::new(hex(&known[3..35])?)?,
            span_id: NonZeroU64::new(u64::try_from(hex(&known[36..52])?).ok()?)?,
            flags: u8::try_from(hex(&known[53..])?).ok()? & (SAMPLED | RANDOM),
        })
    }

    /// The same trace, with a new span as the parent of whatever is called next.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: new_span_id(),
            ..self
        }
    }

    /// The trace, as 128 bits.
    #[must_use]
    pub const fn trace_id(self) -> u128 {
        self.trace_id.get()
    }

    /// The span, as 64 bits.
    #[must_use]
    pub const fn span_id(self) -> u64 {
        self.span_id.get()
    }

    /// Whether the caller may have recorded this trace.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The `traceparent` as it is sent.
    #[must_use]
    pub fn to_header_value(self) -> HeaderValue {
        HeaderValue::from_bytes(&self.encode())
            .expect("hexadecimal digits and dashes are a header value")
    }

    fn encode(self) -> [u8; LENGTH] {
        let mut text = [b'-'; LENGTH];
        write_hex(&mut text[..2], &[VERSION]);
        write_hex(&mut text[3..35], &self.trace_id().to_be_bytes());
        write_hex(&mut text[36..52], &self.span_id().to_be_bytes());
        write_hex(&mut text[53..], &[self.flags]);
        text
    }
}

/// The trace position of the request that this task works on.
///
/// Its span is the one that the caller named for this call.
#[must_use]
pub fn trace_parent() -> Option<TraceParent> {
    Context::current().and_then(|context| context.trace_parent())
}

/// Text that cannot be a [`TraceParent`]. The text itself is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a valid W3C traceparent: give 00-<32 hex digits>-<16 hex digits>-<2 hex digits>")]
pub struct InvalidTraceParent;

/// Of version 00, and the least of any later one.
const LENGTH: usize = 55;
const VERSION: u8 = 0;
const SAMPLED: u8 = 1;
/// The right half of the trace id is random; of level 2 of the standard, and to be passed on. The
/// other flags are reserved, and to be sent as zero.
const RANDOM: u8 = 2;

fn new_span_id() -> NonZeroU64 {
    NonZeroU64::new(fastrand::u64(1..)).expect("drawn from 1 on")
}

/// Reads lower-case hexadecimal digits, at most 32.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

fn write_hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

impl Default for TraceParent {
    fn default() -> Self {
        Self::new()
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for TraceParent {
    type Error = InvalidTraceParent;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<TraceParent> for String {
    fn from(parent: TraceParent) -> Self {
        parent.to_string()
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.encode();
        f.write_str(str::from_utf8(&text).expect("hexadecimal digits and dashes are ASCII"))
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceParent({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_standards_own_example_is_read_and_written() {
        let parent = TraceParent::parse(VALID).unwrap();
        assert_eq!(parent.trace_id(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(parent.span_id(), 0x00f0_67aa_0ba9_02b7);
        assert!(parent.is_sampled());
        assert_eq!(parent.to_string(), VALID);
        assert_eq!(parent.to_header_value(), VALID);
    }

    #[test]
    fn what_the_standard_calls_invalid_is_not_read() {
        for (invalid, why) in [
            ("", "empty"),
            ("00", "a version alone"),
            (
                "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "version ff",
            ),
            (
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                "no trace",
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                "no span",
            ),
            (
                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                "upper case",
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
                "upper case flags",
            ),
            (
                "0A-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "upper case version",
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-011",
                "a short trace",
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e47361-0f067aa0ba902b7-01",
                "a long trace",
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
                "short flags",
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
                "flags that are no number",
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-+1",
                "a sign",
            ),
            (
                "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
                "no dashes",
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                "version 00 with more",
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
                "version 00 with a dash",
            ),
            (
                "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
                "a future one, no dash",
            ),
            (
                "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                "a future one, too short",
            ),
            (
                " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "space",
            ),
        ] {
            assert_eq!(
                TraceParent::parse(invalid),
                Err(InvalidTraceParent),
                "{why}"
            );
        }
    }

    #[test]
    fn a_future_version_is_read_by_the_rules_of_version_00() {
        for future in ["01", "cc", "fe"] {
            for rest in ["", "-", "-what-the-future-will-bring"] {
                let text = format!("{future}{}{rest}", &VALID[2..]);
                let parent = TraceParent::parse(&text).unwrap();
                assert_eq!(parent.to_string(), VALID, "{text}");
            }
        }
    }

    #[test]
    fn reserved_flags_are_sent_as_zero() {
        let parent = TraceParent::parse(&format!("{}ff", &VALID[..53])).unwrap();
        assert_eq!(parent.to_string(), format!("{}03", &VALID[..53]));
        let parent = TraceParent::parse(&format!("{}fc", &VALID[..53])).unwrap();
        assert!(!parent.is_sampled());
    }

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let parent = TraceParent::new();
        let child = parent.child();
        assert_eq!(parent.trace_id(), child.trace_id());
        assert_ne!(parent.span_id(), child.span_id());
        assert_ne!(parent.trace_id(), TraceParent::new().trace_id());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}|[0-9a-f-]{50,60}") {
            let _ = TraceParent::parse(&text);
        }

        #[test]
        fn what_is_written_is_read_again(trace in 1_u128.., span in 1_u64.., flags in 0_u8..4) {
            let text = format!("00-{trace:032x}-{span:016x}-{flags:02x}");
            let parent = TraceParent::parse(&text).unwrap();
            prop_assert_eq!((parent.trace_id(), parent.span_id()), (trace, span));
            prop_assert_eq!(parent.to_string(), text);
            let json = serde_json::to_string(&parent).unwrap();
            prop_assert_eq!(serde_json::from_str::<TraceParent>(&json).unwrap(), parent);
        }
    }
}
