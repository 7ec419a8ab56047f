//! The example documents of the specification, as they stand there: JSON event format 3.2 and 4.3,
//! HTTP protocol binding 3.1.3.2 and 3.2.4. Where they say "... base64 encoded string ...", there is
//! one.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tower_keep_durable::{
    Event,
    event::{Attribute, Binding, Data},
};

const BINARY: &str = r#"{
    "specversion" : "1.0",
    "type" : "com.example.someevent",
    "source" : "/mycontext",
    "id" : "A234-1234-1234",
    "time" : "2018-04-05T17:31:00Z",
    "comexampleextension1" : "value",
    "comexampleothervalue" : 5,
    "datacontenttype" : "application/vnd.apache.thrift.binary",
    "data_base64" : "gAEAAQ=="
}"#;

const XML: &str = r#"{
    "specversion" : "1.0",
    "type" : "com.example.someevent",
    "source" : "/mycontext",
    "id" : "B234-1234-1234",
    "time" : "2018-04-05T17:31:00Z",
    "comexampleextension1" : "value",
    "comexampleothervalue" : 5,
    "unsetextension": null,
    "datacontenttype" : "application/xml",
    "data" : "<much wow=\"xml\"/>"
}"#;

const OBJECT: &str = r#"{
    "specversion" : "1.0",
    "type" : "com.example.someevent",
    "source" : "/mycontext",
    "subject": null,
    "id" : "C234-1234-1234",
    "time" : "2018-04-05T17:31:00Z",
    "comexampleextension1" : "value",
    "comexampleothervalue" : 5,
    "datacontenttype" : "application/json",
    "data" : {
        "appinfoA" : "abc",
        "appinfoB" : 123,
        "appinfoC" : true
    }
}"#;

const STRING: &str = r#"{
    "specversion" : "1.0",
    "type" : "com.example.someevent",
    "source" : "/mycontext",
    "subject": null,
    "id" : "D234-1234-1234",
    "time" : "2018-04-05T17:31:00Z",
    "comexampleextension1" : "value",
    "comexampleothervalue" : 5,
    "data" : "I'm just a string"
}"#;

const BATCH: &str = r#"[
  {
      "specversion" : "1.0",
      "type" : "com.example.someevent",
      "source" : "/mycontext/4",
      "id" : "B234-1234-1234",
      "time" : "2018-04-05T17:31:00Z",
      "comexampleextension1" : "value",
      "comexampleothervalue" : 5,
      "datacontenttype" : "application/vnd.apache.thrift.binary",
      "data_base64" : "gAEAAQ=="
  },
  {
      "specversion" : "1.0",
      "type" : "com.example.someotherevent",
      "source" : "/mycontext/9",
      "id" : "C234-1234-1234",
      "time" : "2018-04-05T17:31:05Z",
      "comexampleextension1" : "value",
      "comexampleothervalue" : 5,
      "datacontenttype" : "application/json",
      "data" : {
          "appinfoA" : "abc",
          "appinfoB" : 123,
          "appinfoC" : true
      }
  }
]"#;

/// The document without what it says is unset.
fn plain(document: &str) -> Value {
    let mut value: Value = serde_json::from_str(document).unwrap();
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

#[test]
fn json_examples_are_read_and_written() {
    let thrift = Data::Binary(Bytes::from_static(&[0x80, 1, 0, 1]));
    let xml = Data::Text("<much wow=\"xml\"/>".to_owned());
    let object = Data::Json(json!({"appinfoA": "abc", "appinfoB": 123, "appinfoC": true}));
    let string = Data::Json(json!("I'm just a string"));
    for (document, id, data) in [
        (BINARY, "A234-1234-1234", thrift),
        (XML, "B234-1234-1234", xml),
        (OBJECT, "C234-1234-1234", object),
        (STRING, "D234-1234-1234", string),
    ] {
        let event = Event::from_json(document).unwrap();
        assert_eq!(event.id(), id);
        assert_eq!(
            (event.kind(), event.source()),
            ("com.example.someevent", "/mycontext")
        );
        assert_eq!(event.subject(), None);
        assert_eq!(event.time().unwrap().unix_timestamp(), 1_522_949_460);
        assert_eq!(event.data(), Some(&data));
        assert_eq!(
            event.extension("comexampleextension1"),
            Some(&"value".into())
        );
        assert_eq!(
            event.extension("comexampleothervalue"),
            Some(&Attribute::Integer(5))
        );
        assert_eq!(event.extension("unsetextension"), None);
        assert_eq!(
            serde_json::from_str::<Value>(&event.to_json()).unwrap(),
            plain(document)
        );
    }
}

#[test]
fn the_batch_is_read_and_written() {
    let events = Event::batch_from_json(BATCH).unwrap();
    assert_eq!(events[1].source(), "/mycontext/9");
    let written: Value = serde_json::from_str(&Event::batch_to_json(&events)).unwrap();
    assert_eq!(written, plain(BATCH));
    assert_eq!(Event::batch_from_json("[]").unwrap(), []);
    assert_eq!(Event::batch_to_json(&[]), "[]");
}

/// The same events again, as the specification re-encodes them for HTTP.
#[test]
fn http_examples_are_written_and_read() {
    let object = r#"{"appinfoA":"abc","appinfoB":123,"appinfoC":true}"#;
    for (document, id, content_type, body) in [
        (
            BINARY,
            "A234-1234-1234",
            "application/vnd.apache.thrift.binary",
            &[0x80, 1, 0, 1][..],
        ),
        (
            XML,
            "B234-1234-1234",
            "application/xml",
            br#"<much wow="xml"/>"#,
        ),
        (
            OBJECT,
            "C234-1234-1234",
            "application/json",
            object.as_bytes(),
        ),
        (
            STRING,
            "D234-1234-1234",
            "application/json",
            br#""I'm just a string""#,
        ),
    ] {
        let event = Event::from_json(document).unwrap();
        let (headers, written) = event.to_http().unwrap();
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        let mut expected = vec![
            "ce-specversion: 1.0".to_owned(),
            "ce-type: com.example.someevent".to_owned(),
            "ce-source: /mycontext".to_owned(),
            format!("ce-id: {id}"),
            "ce-time: 2018-04-05T17:31:00Z".to_owned(),
            "ce-comexampleextension1: value".to_owned(),
            "ce-comexampleothervalue: 5".to_owned(),
            format!("content-type: {content_type}"),
        ];
        expected.sort();
        assert_eq!(lines, expected);
        assert_eq!(written, body);
        let read = Event::from_http(&headers, written).unwrap();
        assert_eq!((read.id(), read.data()), (id, event.data()));
        // Types of extensions do not travel in headers.
        assert_eq!(read.extension("comexampleothervalue"), Some(&"5".into()));
    }
}

#[test]
fn structured_mode_is_told_by_its_content_type() {
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/cloudevents+json; charset=UTF-8");
    headers.insert(CONTENT_TYPE, kind);
    let event = Event::from_http(&headers, Bytes::from_static(OBJECT.as_bytes())).unwrap();
    assert_eq!(event, Event::from_json(OBJECT).unwrap());
    let kind = HeaderValue::from_static("application/cloudevents-batch+json");
    headers.insert(CONTENT_TYPE, kind);
    let refused = Event::from_http(&headers, Bytes::from_static(BATCH.as_bytes())).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "event: is a batch: read it with Event::batch_from_json"
    );
}

#[test]
fn header_values_are_percent_encoded() {
    let event = Event::new("/mycontext", "com.example.someevent", json!(1))
        .about("Euro \u{20ac} \u{1f600}");
    let (headers, _) = event.to_http().unwrap();
    assert_eq!(headers["ce-subject"], "Euro%20%E2%82%AC%20%F0%9F%98%80");
    let subject = |value: &'static str| {
        let mut headers = headers.clone();
        headers.insert("ce-subject", HeaderValue::from_static(value));
        Event::from_http(&headers, Bytes::new())
    };
    for (value, meant) in [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \u{20ac} \u{1f600}"),
        ("%e2%82%ac", "\u{20ac}"),
        ("%41", "A"),
        (r#""a \"quoted\" \\ text""#, r#"a "quoted" \ text"#),
        ("%2541", "%41"),
    ] {
        assert_eq!(subject(value).unwrap().subject(), Some(meant));
    }
    for value in ["%C0%A0", "%", "%4", "%zz", "%+1"] {
        assert_eq!(
            subject(value).unwrap_err().attribute(),
            "subject",
            "{value}"
        );
    }
}

#[test]
fn other_transports_have_other_names() {
    let event = Event::new("/a", "b", json!(1)).about("100 % \u{20ac}");
    for (binding, name) in [
        (Binding::KAFKA, "ce_subject"),
        (Binding::AMQP, "cloudEvents_subject"),
    ] {
        let (headers, body) = event.to_binary(binding);
        let subject = headers.iter().find(|(header, _)| header == name);
        assert_eq!(subject.unwrap().1, "100 % \u{20ac}");
        let pairs = headers
            .iter()
            .map(|(name, value)| (&**name, value.as_bytes()));
        assert_eq!(Event::from_binary(binding, pairs, body).unwrap(), event);
    }
    let (headers, body) = event.to_binary(Binding::AMQP);
    let pairs: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.replace("Events_", "Events:"), value))
        .collect();
    let pairs = pairs
        .iter()
        .map(|(name, value)| (&**name, value.as_bytes()));
    assert_eq!(
        Event::from_binary(Binding::AMQP, pairs, body).unwrap(),
        event
    );
}
