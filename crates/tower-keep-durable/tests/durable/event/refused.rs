use bytes::Bytes;
use serde_json::{Value, json};
use tower_keep_durable::{
    Event,
    event::{Binding, Data},
};

fn with(name: &str, value: Value) -> Value {
    let mut event = json!({"specversion": "1.0", "id": "1", "source": "/a", "type": "b"});
    event[name] = value;
    event
}

#[test]
fn the_error_names_the_attribute() {
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let deep: Value = serde_json::from_str(&deep).unwrap();
    for (name, value) in [
        ("specversion", json!("0.3")),
        ("specversion", json!(1.0)),
        ("specversion", Value::Null),
        ("id", json!("")),
        ("id", json!(7)),
        ("id", Value::Null),
        ("id", json!("a\u{0}b")),
        ("source", json!("")),
        ("source", json!("/with space")),
        ("source", json!("/z\u{fc}rich")),
        ("type", Value::Null),
        ("type", json!("a\u{7f}")),
        ("subject", json!("")),
        ("subject", json!("two\nlines")),
        ("subject", json!("\u{fffe}")),
        ("subject", json!("\u{fdd0}")),
        ("time", json!("yesterday")),
        ("time", json!("2018-04-05")),
        ("time", json!(1_522_949_460)),
        ("datacontenttype", json!("json")),
        ("datacontenttype", json!("a/b\r\nx: y")),
        ("dataschema", json!("relative")),
        ("dataschema", json!("")),
        ("comexample", json!([1])),
        ("comexample", json!({"a": 1})),
        ("comexample", json!(1.5)),
        ("comexample", json!(2_147_483_648_u32)),
        ("comexample", json!("\u{9f}")),
        ("upperCase", json!("a")),
        ("with_line", json!("a")),
        ("", json!("a")),
        ("data_base64", json!("not base64!")),
        ("data_base64", json!(7)),
        ("data", deep),
    ] {
        let text = with(name, value).to_string();
        let error = Event::from_json(&text).expect_err(&text);
        assert_eq!(error.attribute(), name, "{text}");
        assert!(error.to_string().starts_with(name), "{error}");
    }
    for text in [
        "",
        "{",
        "[]",
        "7",
        "null",
        &"[".repeat(100_000),
        &"{\"a\":".repeat(100_000),
    ] {
        assert_eq!(Event::from_json(text).unwrap_err().attribute(), "event");
    }
}

#[test]
fn data_stands_there_once_and_as_it_says() {
    let mut twice = with("data", json!(1));
    twice["data_base64"] = json!("AA==");
    assert_eq!(
        Event::from_json(&twice.to_string())
            .unwrap_err()
            .attribute(),
        "data_base64"
    );
    let mut object = with("data", json!({}));
    object["datacontenttype"] = json!("text/plain");
    assert_eq!(
        Event::from_json(&object.to_string())
            .unwrap_err()
            .attribute(),
        "data"
    );
    // A null that stands there is data.
    let null = Event::from_json(&with("data", Value::Null).to_string()).unwrap();
    assert_eq!(null.data(), Some(&Data::Json(Value::Null)));
}

#[test]
fn the_error_of_a_batch_says_which() {
    let batch = json!([with("a", json!(1)), with("id", json!(""))]).to_string();
    let error = Event::batch_from_json(&batch).unwrap_err();
    assert_eq!(error.to_string(), "[1].id: is missing or empty");
    assert_eq!(
        Event::batch_from_json("{}").unwrap_err().attribute(),
        "batch"
    );
}

#[test]
fn headers_are_checked_as_well() {
    let good = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/a"),
        ("ce-type", "b"),
    ];
    let read = |more: &[(&'static str, &'static str)], without: &str| {
        let headers = good.iter().chain(more).filter(|(name, _)| *name != without);
        let headers = headers.map(|(name, value)| (*name, value.as_bytes()));
        Event::from_binary(Binding::HTTP, headers, Bytes::from_static(b"{"))
    };
    read(&[("x-other", "%"), ("CE-Subject", "a")], "").unwrap();
    for (more, without, attribute) in [
        (&[][..], "ce-id", "id"),
        (&[], "ce-specversion", "specversion"),
        (&[("ce-id", "2")], "", "id"),
        (&[("ce-time", "now")], "", "time"),
        (&[("ce-subject", "%0A")], "", "subject"),
        (&[("ce-datacontenttype", "a/b")], "", "datacontenttype"),
        (&[("ce-data", "x")], "", "data"),
        (&[("ce-with-dash", "x")], "", "with-dash"),
        (&[("content-type", "application/json")], "", "data"),
        (&[("content-type", "nothing")], "", "datacontenttype"),
    ] {
        let error = read(more, without).unwrap_err();
        assert_eq!(error.attribute(), attribute, "{more:?}");
    }
}

#[test]
#[should_panic(expected = "not an extension attribute: id")]
fn an_attribute_of_its_own_is_no_extension() {
    let _ = Event::new("/a", "b", json!(1)).with("id", "2");
}

#[test]
fn what_was_made_wrong_is_found_by_check() {
    let event = || Event::new("/a", "b", json!(1));
    event().check().unwrap();
    for (wrong, attribute) in [
        (Event::new("not a uri", "b", 1), "source"),
        (event().about(""), "subject"),
        (event().described_by("schema.json"), "dataschema"),
        (
            event().carrying("application/json", Data::Text("{}".into())),
            "data",
        ),
        (
            event().carrying("text/plain", Data::Json(json!("a"))),
            "data",
        ),
        (
            event().carrying("text", Data::Text("a".into())),
            "datacontenttype",
        ),
        (
            event().with(
                "far",
                time::OffsetDateTime::UNIX_EPOCH - time::Duration::days(800_000),
            ),
            "far",
        ),
    ] {
        assert_eq!(wrong.check().unwrap_err().attribute(), attribute);
        // And it is not written in a way that would be read as something else.
        assert!(
            Event::from_json(&wrong.to_json()).is_err()
                || attribute == "far"
                || attribute == "data"
        );
    }
}
