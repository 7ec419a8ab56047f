use serde_json::json;
use tower_keep::context::{Context, CorrelationId, TraceParent};
use tower_keep_durable::Event;

fn told() -> Event {
    Event::new("/shop/orders", "shop.order.placed.v1", json!({}))
}

#[test]
fn outside_of_a_request_an_event_starts_a_flow() {
    let event = told();
    assert_eq!(event.correlation_id(), Some(event.id()));
    assert_eq!(event.extension("traceparent"), None);
    let event = event.with_id("order-7-placed");
    assert_eq!(event.correlation_id(), Some("order-7-placed"));
}

#[test]
fn in_a_request_it_belongs_to_the_requests_flow_and_trace() {
    let id = CorrelationId::parse("request-7").unwrap();
    let trace = TraceParent::new();
    let event = Context::traced(id, trace).run(told).with_id("mine");
    assert_eq!(event.correlation_id(), Some("request-7"));
    let found = event
        .extension("traceparent")
        .and_then(|text| text.as_str());
    assert_eq!(found, Some(&*trace.to_string()));
    // An event that has a cause is of the cause's flow.
    let cause = told();
    assert_eq!(event.caused_by(&cause).correlation_id(), Some(cause.id()));
}
