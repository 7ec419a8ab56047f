//! The headers of Zipkin's B3, for callers who do not speak W3C Trace Context yet.

use http::{HeaderMap, HeaderName};

use super::TraceParent;

static B3: HeaderName = HeaderName::from_static("b3");
static TRACE_ID: HeaderName = HeaderName::from_static("x-b3-traceid");
static SPAN_ID: HeaderName = HeaderName::from_static("x-b3-spanid");
static SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
static FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");

/// Whether there is anything to read.
pub(crate) fn has_b3(headers: &HeaderMap) -> bool {
    headers.contains_key(&B3) || headers.contains_key(&TRACE_ID)
}

/// Reads `b3: {trace}-{span}[-{sampled}[-{parent}]]`, or the headers `x-b3-*`. A trace id of 64 bits is
/// filled up with zeros.
pub(crate) fn read_b3(headers: &HeaderMap) -> Option<TraceParent> {
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok();
    if let Some(single) = text(&B3) {
        let mut parts = single.split('-');
        let (trace, span) = (parts.next()?, parts.next()?);
        return build(trace, span, matches!(parts.next(), Some("1" | "d")));
    }
    let sampled = matches!(text(&SAMPLED), Some("1" | "true")) || text(&FLAGS) == Some("1");
    build(text(&TRACE_ID)?, text(&SPAN_ID)?, sampled)
}

fn build(trace: &str, span: &str, sampled: bool) -> Option<TraceParent> {
    if !matches!(trace.len(), 16 | 32) || span.len() != 16 {
        return None;
    }
    let flags = u8::from(sampled);
    let parent = format!("00-{trace:0>32}-{span}-{flags:02x}").to_ascii_lowercase();
    TraceParent::parse(&parent).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";

    fn read(headers: &[(&'static str, &str)]) -> Option<String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        read_b3(&HeaderMap::from_iter(headers)).map(|parent| parent.to_string())
    }

    #[test]
    fn both_forms_are_read() {
        let [sampled, not] = ["01", "00"].map(|flags| Some(format!("00-{TRACE}-{SPAN}-{flags}")));
        for (sign, wanted) in [("-1", &sampled), ("-d", &sampled), ("-0", &not), ("", &not)] {
            assert_eq!(read(&[("b3", &format!("{TRACE}-{SPAN}{sign}"))]), *wanted);
        }
        let with_parent = format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90");
        assert_eq!(read(&[("b3", &with_parent)]), sampled);
        let split = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)];
        assert_eq!(read(&split), not);
        assert_eq!(read(&[split[0], split[1], ("x-b3-sampled", "1")]), sampled);
        let short = [("x-b3-traceid", &TRACE[16..]), ("x-b3-spanid", SPAN)];
        let filled = format!("00-{:0>32}-{SPAN}-00", &TRACE[16..]);
        assert_eq!(read(&short), Some(filled));
    }

    #[test]
    fn what_is_not_b3_is_not_read() {
        for value in [
            "",
            "0",
            "-",
            "1-2-3",
            "\u{e9}",
            &format!("{SPAN}-{TRACE}"),
            &format!("{TRACE}-"),
        ] {
            assert_eq!(read(&[("b3", value)]), None, "{value}");
        }
        assert_eq!(read(&[("x-b3-traceid", TRACE)]), None);
        let zeros = "0".repeat(32);
        assert_eq!(
            read(&[("x-b3-traceid", &zeros), ("x-b3-spanid", SPAN)]),
            None
        );
    }
}
