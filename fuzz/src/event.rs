use bytes::Bytes;
use tower_keep_durable::{Event, event::Binding};

use crate::input;

/// An event from another service, in each of its forms: it is refused with the name of the attribute,
/// or read, and then it is the same event after it was sent on in any of them.
pub fn event(bytes: &[u8]) {
    let (head, body) = input::halves(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        sent_on(Event::from_json(text));
        if let Ok(events) = Event::batch_from_json(text) {
            let again = Event::batch_from_json(&Event::batch_to_json(&events));
            assert_eq!(again.expect("is what was read"), events);
        }
    }
    let headers = input::headers(head);
    sent_on(Event::from_http(&headers, Bytes::copy_from_slice(body)));
}

fn sent_on(read: Result<Event, tower_keep_durable::event::InvalidEvent>) {
    let event = match read {
        Ok(event) => event,
        Err(error) => {
            assert!(error.to_string().starts_with(error.attribute()));
            return;
        }
    };
    event.check().expect("what was read is valid");
    let again = Event::from_json(&event.to_json()).expect("is what was read");
    // Data without a content type travels as bytes in one form and not at all in another.
    assert_eq!(again, event);
    let (headers, body) = event.to_http().expect("fits into headers");
    let again = Event::from_http(&headers, body).expect("is what was read");
    assert_eq!((again.id(), again.source()), (event.id(), event.source()));
    assert_eq!(
        (again.kind(), again.subject()),
        (event.kind(), event.subject())
    );
    assert_eq!((again.key(), again.time()), (event.key(), event.time()));
    for binding in [Binding::KAFKA, Binding::AMQP] {
        let (headers, body) = event.to_binary(binding);
        let headers = headers
            .iter()
            .map(|(name, value)| (&**name, value.as_bytes()));
        let again = Event::from_binary(binding, headers, body).expect("is what was read");
        assert_eq!((again.id(), again.subject()), (event.id(), event.subject()));
    }
}
