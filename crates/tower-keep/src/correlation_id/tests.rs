//! What is believed of a request, and what a call takes along.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    inbound::{self, Brought},
    outbound::stamp,
    settings::Settings,
    *,
};
use crate::context::{Context, CorrelationId, TraceParent};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn headers<const N: usize>(pairs: [(&'static str, &'static str); N]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, HeaderValue::from_static(value));
    }
    headers
}

fn id(text: &str) -> CorrelationId {
    CorrelationId::parse(text).unwrap()
}

#[test]
fn an_id_is_believed_if_there_is_one_it_is_well_formed_and_the_caller_is_trusted() {
    let names = ["x-correlation-id", "x-request-id"].map(HeaderName::from_static);
    let read =
        |headers: HeaderMap, trust| match inbound::correlation_id(&headers, names.iter(), trust) {
            Brought::Nothing => "nothing".to_owned(),
            Brought::Refused => "refused".to_owned(),
            Brought::Accepted(id) => id.to_string(),
        };
    use Trust::{Accept, Replace};
    let (ours, theirs) = ("x-correlation-id", "x-request-id");
    assert_eq!(read(headers([]), Accept), "nothing");
    assert_eq!(read(headers([]), Replace), "nothing");
    assert_eq!(read(headers([(ours, "a")]), Accept), "a");
    assert_eq!(read(headers([(ours, "a")]), Replace), "refused");
    assert_eq!(read(headers([(ours, "a b")]), Accept), "refused");
    assert_eq!(read(headers([(ours, "")]), Accept), "refused");
    assert_eq!(read(headers([(ours, "a"), (ours, "b")]), Accept), "refused");
    assert_eq!(read(headers([(theirs, "b")]), Accept), "b");
    assert_eq!(read(headers([(theirs, "b"), (ours, "a")]), Accept), "a");
    assert_eq!(read(headers([(ours, "a b"), (theirs, "b")]), Accept), "b");
}

#[test]
fn a_trace_is_believed_if_there_is_one_and_it_is_valid() {
    let read = |headers: HeaderMap| inbound::trace_parent(&headers, Trust::Accept);
    let parent = TraceParent::parse(PARENT).unwrap();
    assert_eq!(read(headers([])), Brought::Nothing);
    assert_eq!(
        read(headers([("traceparent", PARENT)])),
        Brought::Accepted(parent)
    );
    assert_eq!(
        read(headers([("traceparent", "00-00-00-00")])),
        Brought::Refused
    );
    let two = headers([("traceparent", PARENT), ("traceparent", PARENT)]);
    assert_eq!(read(two), Brought::Refused);
}

#[test]
fn a_trace_state_in_pieces_is_put_together_in_order() {
    assert_eq!(inbound::trace_state(&headers([])), None);
    let one = headers([("tracestate", "a=1,b=2")]);
    assert_eq!(inbound::trace_state(&one).unwrap(), "a=1,b=2");
    let two = headers([("tracestate", "a=1"), ("tracestate", "b=2")]);
    assert_eq!(inbound::trace_state(&two).unwrap(), "a=1,b=2");
}

#[test]
fn a_call_takes_the_id_a_child_span_and_the_trace_state_along() {
    let parent = TraceParent::parse(PARENT).unwrap();
    let state = HeaderValue::from_static("vendor=1");
    let context = Context::build(id("order-17"), Some(parent), Some(state), 1);
    let header = HeaderName::from_static("x-correlation-id");
    let [mut first, mut second] = [HeaderMap::new(), HeaderMap::new()];
    stamp(&mut first, Some(&context), &header, true);
    stamp(&mut second, Some(&context), &header, true);
    let spans = [&first, &second].map(|call| {
        assert_eq!(call[&header], "order-17");
        assert_eq!(call["tracestate"], "vendor=1");
        let sent = TraceParent::from_header(&call["traceparent"]).unwrap();
        assert_eq!(sent.trace_id(), parent.trace_id());
        sent.span_id()
    });
    assert!(spans[0] != spans[1] && !spans.contains(&parent.span_id()));
}

#[test]
fn what_a_call_has_already_stays() {
    let context = Context::fresh();
    let header = HeaderName::from_static("x-correlation-id");
    let set = headers([("x-correlation-id", "mine"), ("traceparent", PARENT)]);
    for context in [Some(&context), None] {
        let mut call = set.clone();
        stamp(&mut call, context, &header, true);
        assert_eq!(call, set);
    }
}

#[test]
fn a_call_outside_any_request_gets_one_new_id_for_log_and_trace() {
    let mut call = headers([("tracestate", "of=another-trace")]);
    stamp(&mut call, None, &HeaderName::from_static("x-id"), true);
    let trace = TraceParent::from_header(&call["traceparent"]).unwrap();
    let dashless = call["x-id"].to_str().unwrap().replace('-', "");
    assert_eq!(dashless, format!("{:032x}", trace.trace_id()));
    assert!(!call.contains_key("tracestate"));

    let mut call = HeaderMap::new();
    stamp(&mut call, None, &HeaderName::from_static("x-id"), false);
    assert_eq!(call.len(), 1);
}

#[test]
fn a_name_that_is_no_header_is_refused_with_its_field() {
    let with_header = |header: &str| CorrelationIdConfig {
        header: header.to_owned(),
        ..CorrelationIdConfig::default()
    };
    for header in ["", "x id", "traceparent", "Tracestate"] {
        let error = Settings::new(&with_header(header)).unwrap_err();
        assert_eq!((error.layer(), error.field()), ("correlation_id", "header"));
    }
    let config = CorrelationIdConfig {
        also_accept: vec!["x-request-id".to_owned(), "\n".to_owned()],
        ..CorrelationIdConfig::default()
    };
    assert_eq!(Settings::new(&config).unwrap_err().field(), "also_accept");
    assert!(Settings::new(&with_header("X-Amzn-Trace-Id")).is_ok());
}

#[test]
fn a_configuration_is_read_with_its_defaults() {
    let config: CorrelationIdConfig =
        serde_json::from_str(r#"{"trust": "replace", "also_accept": ["x-request-id"]}"#).unwrap();
    assert_eq!(config.header, "x-correlation-id");
    assert_eq!(config.trust, Trust::Replace);
    assert!(config.trace && config.response_header);
    assert!(serde_json::from_str::<CorrelationIdConfig>(r#"{"trusted": true}"#).is_err());
}
