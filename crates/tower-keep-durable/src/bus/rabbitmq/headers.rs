use std::borrow::Cow;

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Headers as they are sent: text, which the binding leaves to the sender.
pub(super) fn table(headers: Vec<(String, String)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    table
}

/// What came, `content-type` among it: text, and the types of AMQP that the binding allows a sender to
/// take for attributes. What is of another type is no attribute.
pub(super) fn read(properties: &BasicProperties) -> Vec<(&str, Cow<'_, [u8]>)> {
    let content_type = properties.content_type().as_ref();
    let content_type = content_type.map(|kind| ("content-type", text(kind.as_str())));
    let headers = properties.headers().iter();
    let headers = headers.flat_map(|table| table.inner().iter());
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), canonical(value)?)));
    content_type.into_iter().chain(headers).collect()
}

fn text(text: &str) -> Cow<'_, [u8]> {
    Cow::Borrowed(text.as_bytes())
}

/// As CloudEvents spells it.
fn canonical(value: &AMQPValue) -> Option<Cow<'_, [u8]>> {
    let spelled = match value {
        AMQPValue::LongString(text) => return Some(Cow::Borrowed(text.as_bytes())),
        AMQPValue::ShortString(short) => return Some(text(short.as_str())),
        AMQPValue::Boolean(yes) => yes.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Timestamp(seconds) => {
            let seconds = i64::try_from(*seconds).ok()?;
            let time = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
            time.format(&Rfc3339).ok()?
        }
        _ => return None,
    };
    Some(Cow::Owned(spelled.into_bytes()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::{Event, event::Binding};

    /// The example of the binding, `3.1.4`, with attributes in types of AMQP.
    #[test]
    fn attributes_come_as_text_or_in_types_of_amqp() {
        let mut table = table(
            [
                ("cloudEvents:specversion", "1.0"),
                ("cloudEvents:type", "com.example.someevent"),
                ("cloudEvents:id", "1234-1234-1234"),
                ("cloudEvents:source", "/mycontext/subcontext"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        );
        for (name, value) in [
            ("cloudEvents:time", AMQPValue::Timestamp(1_522_900_584)),
            ("cloudEvents:xcount", AMQPValue::LongLongInt(-5)),
            ("cloudEvents:xyes", AMQPValue::Boolean(true)),
            ("x-delivery-count", AMQPValue::LongLongInt(3)),
            ("other", AMQPValue::Void),
        ] {
            table.insert(name.into(), value);
        }
        let properties = BasicProperties::default()
            .with_content_type("application/json; charset=utf-8".into())
            .with_headers(table);
        let headers = read(&properties);
        let headers = headers.iter().map(|(name, value)| (*name, &**value));
        let headers: Vec<_> = headers.collect();
        let body = Bytes::from_static(b"{\"total\": 1}");
        let event = Event::from_message(Binding::AMQP, &headers, body).unwrap();
        let expected = json!({
            "specversion": "1.0", "type": "com.example.someevent", "id": "1234-1234-1234",
            "source": "/mycontext/subcontext", "time": "2018-04-05T03:56:24Z",
            "datacontenttype": "application/json; charset=utf-8", "data": {"total": 1},
            "xcount": "-5", "xyes": "true",
        });
        assert_eq!(serde_json::to_value(&event).unwrap(), expected);
    }
}
