//! The JSON format: what an event looks like in a row, in structured mode and in a batch.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{Attribute, Data, Event, InvalidEvent, rules, text};

impl Event {
    /// The content type of an event in the JSON format.
    pub const JSON: &'static str = "application/cloudevents+json";
    /// The content type of several in the JSON format.
    pub const JSON_BATCH: &'static str = "application/cloudevents-batch+json";

    /// The event in the JSON format.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text keys, and numbers that JSON has")
    }

    /// The event of this JSON text.
    ///
    /// # Errors
    /// It is not a CloudEvents 1.0 event; the error names the attribute.
    pub fn from_json(text: &str) -> Result<Self, InvalidEvent> {
        let object: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| InvalidEvent::new("event", error.to_string()))?;
        Self::from_object(object)
    }

    /// The events as a batch in the JSON format.
    #[must_use]
    pub fn batch_to_json(events: &[Self]) -> String {
        serde_json::to_string(events).expect("text keys, and numbers that JSON has")
    }

    /// The events of this batch in the JSON format.
    ///
    /// # Errors
    /// One of them is not a CloudEvents 1.0 event; the error names which, from 0, and the attribute.
    pub fn batch_from_json(text: &str) -> Result<Vec<Self>, InvalidEvent> {
        let objects: Vec<Map<String, Value>> = serde_json::from_str(text)
            .map_err(|error| InvalidEvent::new("batch", error.to_string()))?;
        let events = objects.into_iter().enumerate().map(|(at, object)| {
            Self::from_object(object).map_err(|error| error.within(&format!("[{at}]")))
        });
        events.collect()
    }

    fn from_object(mut object: Map<String, Value>) -> Result<Self, InvalidEvent> {
        match object.remove("specversion") {
            Some(Value::String(version)) if version == "1.0" => {}
            other => {
                let found = other.unwrap_or_default();
                let reason = format!("must be \"1.0\", not {found}");
                return Err(InvalidEvent::new("specversion", reason));
            }
        }
        let mut event = Self {
            id: required("id", &mut object)?,
            source: required("source", &mut object)?,
            kind: required("type", &mut object)?,
            subject: text_of("subject", &mut object)?,
            time: match text_of("time", &mut object)? {
                None => None,
                Some(time) => Some(text::parse_timestamp("time", &time)?),
            },
            content_type: text_of("datacontenttype", &mut object)?,
            schema: text_of("dataschema", &mut object)?,
            extensions: std::collections::BTreeMap::new(),
            data: None,
        };
        event.data = data(event.is_json(), &mut object)?;
        for (name, value) in object {
            rules::check_name(&name)?;
            if let Some(value) = extension(&name, value)? {
                event.extensions.insert(name, value);
            }
        }
        event.check()?;
        Ok(event)
    }
}

fn data(is_json: bool, object: &mut Map<String, Value>) -> Result<Option<Data>, InvalidEvent> {
    // A null that stands there is data, other than one that does not.
    let data = object.remove("data");
    let bytes = object
        .remove("data_base64")
        .filter(|value| !value.is_null());
    match (data, bytes) {
        (None, None) => Ok(None),
        (None, Some(Value::String(bytes))) => {
            text::parse_base64("data_base64", &bytes).map(|bytes| Some(Data::Binary(bytes)))
        }
        (None, Some(_)) => Err(InvalidEvent::new("data_base64", "must be text")),
        (Some(Value::String(text)), None) if !is_json => Ok(Some(Data::Text(text))),
        (Some(value), None) if is_json => Ok(Some(Data::Json(value))),
        (Some(_), None) => Err(InvalidEvent::new(
            "data",
            "must be text of its datacontenttype",
        )),
        (Some(_), Some(_)) => Err(InvalidEvent::new(
            "data_base64",
            "must not stand beside data",
        )),
    }
}

fn extension(name: &str, value: Value) -> Result<Option<Attribute>, InvalidEvent> {
    let refuse = |reason: &str| Err(InvalidEvent::new(name, reason));
    match value {
        Value::Null => Ok(None),
        Value::Bool(yes) => Ok(Some(Attribute::Boolean(yes))),
        Value::String(text) => Ok(Some(Attribute::String(text))),
        Value::Number(number) => match number.as_i64().map(i32::try_from) {
            Some(Ok(number)) => Ok(Some(Attribute::Integer(number))),
            _ => refuse("must be a whole number of 32 bits"),
        },
        Value::Array(_) | Value::Object(_) => refuse("must be text, a number or a boolean"),
    }
}

fn required(name: &str, object: &mut Map<String, Value>) -> Result<String, InvalidEvent> {
    text_of(name, object)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| InvalidEvent::new(name, "is missing or empty"))
}

fn text_of(name: &str, object: &mut Map<String, Value>) -> Result<Option<String>, InvalidEvent> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(InvalidEvent::new(name, "must be text")),
    }
}

/// In the JSON format.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("type", &self.kind)?;
        for (name, text) in [
            ("subject", &self.subject),
            ("time", &self.time.map(text::any_timestamp)),
            ("datacontenttype", &self.content_type),
            ("dataschema", &self.schema),
        ] {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        for (name, value) in &self.extensions {
            match value {
                Attribute::Boolean(yes) => map.serialize_entry(name, yes)?,
                Attribute::Integer(number) => map.serialize_entry(name, number)?,
                other => map.serialize_entry(name, &other.to_text())?,
            }
        }
        match &self.data {
            Some(Data::Json(value)) => map.serialize_entry("data", value)?,
            Some(Data::Text(text)) => map.serialize_entry("data", text)?,
            Some(Data::Binary(bytes)) => {
                map.serialize_entry("data_base64", &text::base64(bytes))?;
            }
            None => {}
        }
        map.end()
    }
}

/// From the JSON format.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Map::deserialize(deserializer)?;
        Self::from_object(object).map_err(D::Error::custom)
    }
}
