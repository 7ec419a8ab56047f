//! How an event travels as the message of a broker.

use bytes::Bytes;

use super::Mode;
use crate::{Event, event::Binding, observe};

/// A message: what brokers have in common.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// With the type of the body, unless [`parted`](Self::parted) has taken it out.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Message {
    /// How many bytes it has, its headers with what a protocol needs between them.
    pub(super) fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| name.len() + value.len() + 8);
        self.body.len() + headers.sum::<usize>()
    }

    /// The same with the type of its body by itself, for a protocol that has a place for it.
    #[cfg(feature = "rabbitmq")]
    pub(super) fn parted(mut self) -> (Option<String>, Self) {
        let at = self.headers.iter().position(|(name, _)| name == TYPE);
        (at.map(|at| self.headers.swap_remove(at).1), self)
    }
}

const TYPE: &str = "content-type";

pub(super) fn encode(event: &Event, mode: Mode, binding: Binding) -> Message {
    let (headers, body) = match mode {
        Mode::Structured => (
            vec![(TYPE.to_owned(), Event::JSON.to_owned())],
            event.to_json().into(),
        ),
        Mode::Binary => event.to_binary(binding),
    };
    Message { headers, body }
}

/// The event in either mode, unless something else was put on the bus, which is logged.
pub(super) fn decode(
    bus: &str,
    binding: Binding,
    headers: &[(&str, &[u8])],
    body: Bytes,
) -> Option<Event> {
    let tells = |name: &str| {
        let name = name.to_ascii_lowercase();
        name == TYPE || name.ends_with("specversion")
    };
    let read = if headers.iter().any(|(name, _)| tells(name)) {
        Event::from_message(binding, headers, body)
    } else {
        // Whoever has no headers to tell the mode, sends it structured.
        Event::from_message(binding, &[(TYPE, Event::JSON.as_bytes())], body)
    };
    match read {
        Ok(event) => Some(event),
        Err(error) => {
            observe::not_an_event(bus, &error);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(headers: &[(&str, &str)], body: &'static str) -> Option<Event> {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| (*name, value.as_bytes()));
        decode(
            "test",
            Binding::NATS,
            &headers.collect::<Vec<_>>(),
            Bytes::from_static(body.as_bytes()),
        )
    }

    #[test]
    fn both_modes_are_read() {
        let event = Event::new("/a", "b", json!({"c": 1}))
            .about("d e")
            .keyed("k");
        for mode in [Mode::Structured, Mode::Binary] {
            for binding in [Binding::NATS, Binding::AMQP, Binding::KAFKA] {
                let Message { headers, body } = encode(&event, mode, binding);
                let headers = headers.iter();
                let headers = headers.map(|(name, value)| (&**name, value.as_bytes()));
                assert_eq!(
                    decode("test", binding, &headers.collect::<Vec<_>>(), body),
                    Some(event.clone())
                );
            }
        }
    }

    /// Of the binding for NATS: `3.1.4` and `3.2.1`.
    #[test]
    fn the_examples_of_the_binding_are_read() {
        let binary = [
            ("ce-specversion", "1.0"),
            ("ce-type", "com.example.someevent"),
            ("ce-time", "2018-04-05T03:56:24Z"),
            ("ce-id", "1234-1234-1234"),
            ("ce-source", "/mycontext/subcontext"),
            ("ce-datacontenttype", "application/json"),
        ];
        let event = message(&binary, r#"{"application": "data"}"#).unwrap();
        assert_eq!(event.id(), "1234-1234-1234");
        assert_eq!(
            event.read::<serde_json::Value>().unwrap(),
            json!({"application": "data"})
        );
        // No headers at all, and some that say nothing of the mode.
        let body = event.to_json();
        let body: &'static str = body.leak();
        assert_eq!(message(&[], body).as_ref(), Some(&event));
        assert_eq!(
            message(&[("Nats-Msg-Id", "1")], body).as_ref(),
            Some(&event)
        );
        let kind = [(
            "Content-Type",
            "Application/CloudEvents+JSON; charset=UTF-8",
        )];
        assert_eq!(message(&kind, body), Some(event));
    }

    #[test]
    fn what_is_none_is_passed_over() {
        let json = r#"{"specversion": "1.0", "id": "1", "source": "/a", "type": "b"}"#;
        assert!(message(&[("content-type", "application/json")], json).is_none());
        assert!(message(&[("content-type", "application/cloudevents+avro")], json).is_none());
        assert!(
            message(
                &[("content-type", "application/cloudevents-batch+json")],
                json
            )
            .is_none()
        );
        assert!(message(&[("ce-specversion", "1.0")], json).is_none());
        assert!(message(&[], "no event").is_none());
    }
}
