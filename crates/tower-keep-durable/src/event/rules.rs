//! What CloudEvents asks of an event, in one place for what is made here and for what comes in.

use serde_json::Value;

use super::{Attribute, Data, Event, InvalidEvent, media_type};

/// The attributes that every event may have, and the names of its data.
const OWN: [&str; 9] = [
    "data",
    "datacontenttype",
    "dataschema",
    "id",
    "source",
    "specversion",
    "subject",
    "time",
    "type",
];

/// How deep data may be nested: readers stop at 128.
const DEEPEST: usize = 100;

impl Event {
    /// Whether all may read it: CloudEvents forbids some names and characters. A bus refuses what
    /// does not pass.
    ///
    /// # Errors
    /// It is not a CloudEvents 1.0 event; the error names the attribute.
    pub fn check(&self) -> Result<(), InvalidEvent> {
        for (name, text) in [
            ("id", Some(&self.id)),
            ("source", Some(&self.source)),
            ("type", Some(&self.kind)),
            ("subject", self.subject.as_ref()),
            ("datacontenttype", self.content_type.as_ref()),
            ("dataschema", self.schema.as_ref()),
        ] {
            let Some(text) = text else { continue };
            if text.is_empty() {
                return Err(InvalidEvent::new(name, "is empty"));
            }
            check_text(name, text)?;
        }
        check_uri("source", &self.source)?;
        if let Some(schema) = &self.schema {
            check_uri("dataschema", schema)?;
            if !schema.contains(':') {
                return Err(InvalidEvent::new("dataschema", "must be an absolute URI"));
            }
        }
        if let Some(content_type) = &self.content_type
            && !media_type::is_well_formed(content_type)
        {
            let reason = "must be a media type, such as application/json";
            return Err(InvalidEvent::new("datacontenttype", reason));
        }
        check_time("time", self.time)?;
        for (name, value) in &self.extensions {
            check_name(name)?;
            match value {
                Attribute::String(text) => check_text(name, text)?,
                Attribute::Timestamp(time) => check_time(name, Some(*time))?,
                Attribute::Boolean(_) | Attribute::Integer(_) | Attribute::Binary(_) => {}
            }
        }
        self.check_data()
    }

    fn check_data(&self) -> Result<(), InvalidEvent> {
        let is_json = self.is_json();
        let reason = match &self.data {
            Some(Data::Json(value)) if is_deeper(value, DEEPEST) => {
                format!("must not be nested deeper than {DEEPEST}")
            }
            Some(Data::Json(_)) if !is_json => {
                "is JSON, but datacontenttype says otherwise".to_owned()
            }
            Some(Data::Text(_)) if is_json => "is text, but datacontenttype says JSON".to_owned(),
            _ => return Ok(()),
        };
        Err(InvalidEvent::new("data", reason))
    }

    /// Whether its data is JSON, which it is unless it says otherwise.
    pub(super) fn is_json(&self) -> bool {
        self.content_type.as_deref().is_none_or(media_type::is_json)
    }
}

/// The name of an extension attribute.
pub(super) fn check_name(name: &str) -> Result<(), InvalidEvent> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let reason = if name.is_empty() || !name.bytes().all(allowed) {
        "a name consists of a-z and 0-9"
    } else if OWN.contains(&name) {
        "is an attribute of its own, not an extension"
    } else {
        return Ok(());
    };
    Err(InvalidEvent::new(name.escape_debug().to_string(), reason))
}

fn check_text(name: &str, text: &str) -> Result<(), InvalidEvent> {
    let forbidden = |c: char| {
        let code = u32::from(c);
        c.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
    };
    match text.chars().find(|c| forbidden(*c)) {
        None => Ok(()),
        Some(c) => Err(InvalidEvent::new(
            name,
            format!("must not contain U+{:04X}", u32::from(c)),
        )),
    }
}

fn check_uri(name: &str, text: &str) -> Result<(), InvalidEvent> {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    if text.bytes().all(allowed) {
        return Ok(());
    }
    let reason = "must be a URI: percent-encode what it does not allow";
    Err(InvalidEvent::new(name, reason))
}

fn check_time(name: &str, time: Option<time::OffsetDateTime>) -> Result<(), InvalidEvent> {
    match time.map(|time| super::text::timestamp(time).is_some()) {
        Some(false) => Err(InvalidEvent::new(name, "must be of the years 0 to 9999")),
        _ => Ok(()),
    }
}

fn is_deeper(value: &Value, than: usize) -> bool {
    match value {
        _ if than == 0 => true,
        Value::Array(items) => items.iter().any(|item| is_deeper(item, than - 1)),
        Value::Object(fields) => fields.values().any(|field| is_deeper(field, than - 1)),
        _ => false,
    }
}
