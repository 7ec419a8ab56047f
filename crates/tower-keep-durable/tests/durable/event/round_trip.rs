use proptest::{collection::btree_map, option, prelude::*};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use tower_keep_durable::{
    Event,
    event::{Attribute, Binding, Data},
};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,10}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,5}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn moment() -> impl Strategy<Value = OffsetDateTime> {
    (0..4_000_000_000_i64, 0..1_000_000_000_i64).prop_map(|(seconds, nanos)| {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds) + Duration::nanoseconds(nanos)
    })
}

fn attribute() -> impl Strategy<Value = Attribute> {
    prop_oneof![
        any::<bool>().prop_map(Attribute::Boolean),
        any::<i32>().prop_map(Attribute::Integer),
        "\\PC{0,20}".prop_map(Attribute::String),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let data = prop_oneof![
        value().prop_map(|value| ("application/vnd.shop+json", Data::Json(value))),
        "\\PC{1,20}".prop_map(|text| ("text/plain; charset=utf-8", Data::Text(text))),
        proptest::collection::vec(any::<u8>(), 1..20)
            .prop_map(|bytes| ("application/octet-stream", Data::Binary(bytes.into()))),
    ];
    (
        "\\PC{1,20}",
        "[a-z/:.%#?]{1,20}",
        "\\PC{1,20}",
        option::of("\\PC{1,20}"),
        moment(),
        btree_map("x[a-z0-9]{1,10}", attribute(), 0..4),
        option::of(data),
    )
        .prop_map(|(id, source, kind, subject, time, extensions, data)| {
            let mut event = Event::new(source, kind, 1).with_id(id).at(time);
            if let Some(subject) = subject {
                event = event
                    .about(subject)
                    .described_by("https://example.com/schema");
            }
            for (name, value) in extensions {
                event = event.with(name, value);
            }
            match data {
                Some((content_type, data)) => event.carrying(content_type, data),
                None => event,
            }
        })
        // What Unicode has that CloudEvents forbids is for other tests.
        .prop_filter("allowed", |event| event.check().is_ok())
}

/// With extensions as text, which is all that headers can say.
fn untyped(mut event: Event, of: &Event) -> Event {
    for (name, value) in of.extensions() {
        event = event.with(name, value.to_text().into_owned());
    }
    event
}

proptest! {
    #[test]
    fn json(event in event()) {
        let read = Event::from_json(&event.to_json()).unwrap();
        prop_assert_eq!(read, event);
    }

    #[test]
    fn batch(events in proptest::collection::vec(event(), 0..3)) {
        let read = Event::batch_from_json(&Event::batch_to_json(&events)).unwrap();
        prop_assert_eq!(read, events);
    }

    #[test]
    fn http(event in event()) {
        let (headers, body) = event.to_http().unwrap();
        let read = Event::from_http(&headers, body).unwrap();
        prop_assert_eq!(read, untyped(event.clone(), &event));
    }

    #[test]
    fn headers(event in event()) {
        for binding in [Binding::KAFKA, Binding::AMQP, Binding::HTTP, Binding::NATS] {
            let (headers, body) = event.to_binary(binding);
            let headers = headers.iter().map(|(name, value)| (&**name, value.as_bytes()));
            let read = Event::from_binary(binding, headers, body).unwrap();
            prop_assert_eq!(read, untyped(event.clone(), &event));
        }
    }

    #[test]
    fn whatever_comes_in_is_refused_or_read(text in "\\PC{0,200}") {
        let _ = Event::from_json(&text);
        let _ = Event::batch_from_json(&text);
    }
}
