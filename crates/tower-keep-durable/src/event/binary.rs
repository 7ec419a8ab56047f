//! Binary mode: attributes are headers, and the body is the data alone.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Attribute, Data, Event, InvalidEvent, media_type, percent, rules, text};

/// How a transport writes attributes as headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    prefixes: [&'static str; 2],
    percent: bool,
    /// What says of which type the body is.
    content_type: &'static str,
}

impl Binding {
    /// HTTP: `ce-id`, with percent signs for what a header cannot carry.
    pub const HTTP: Self = Self {
        prefixes: ["ce-", "ce-"],
        percent: true,
        content_type: CONTENT_TYPE,
    };
    /// NATS: as HTTP, but for `ce-datacontenttype`; its `Content-Type` only tells structured mode.
    pub const NATS: Self = Self {
        content_type: "ce-datacontenttype",
        ..Self::HTTP
    };
    /// Kafka: `ce_id`, in UTF-8.
    pub const KAFKA: Self = Self {
        prefixes: ["ce_", "ce_"],
        percent: false,
        content_type: CONTENT_TYPE,
    };
    /// AMQP: `cloudEvents_id`, and `cloudEvents:id` from others, in UTF-8.
    pub const AMQP: Self = Self {
        prefixes: ["cloudEvents_", "cloudEvents:"],
        percent: false,
        content_type: CONTENT_TYPE,
    };

    /// Whether the type of the data travels as any other attribute.
    fn has_attribute_for_type(&self) -> bool {
        self.content_type != CONTENT_TYPE
    }

    /// The attribute of this header, if it is one.
    fn attribute<'a>(&self, header: &'a str) -> Option<&'a str> {
        self.prefixes.iter().find_map(|prefix| {
            let (start, name) = header.split_at_checked(prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then_some(name)
        })
    }
}

/// What says of which mode a message is, under every binding.
pub(super) const CONTENT_TYPE: &str = "content-type";

impl Event {
    /// The event in binary mode: its headers, the type of its data among them, and its body.
    #[must_use]
    pub fn to_binary(&self, binding: Binding) -> (Vec<(String, String)>, Bytes) {
        let mut headers = Vec::new();
        let mut put = |name: &str, value: &str| {
            let value = match binding.percent {
                true => percent::encode(value),
                false => value.to_owned(),
            };
            headers.push((format!("{}{name}", binding.prefixes[0]), value));
        };
        put("specversion", "1.0");
        put("id", &self.id);
        put("source", &self.source);
        put("type", &self.kind);
        for (name, value) in [
            ("subject", &self.subject),
            ("time", &self.time.map(text::any_timestamp)),
            ("dataschema", &self.schema),
        ] {
            if let Some(value) = value {
                put(name, value);
            }
        }
        for (name, value) in &self.extensions {
            put(name, &value.to_text());
        }
        let (body, usual) = match &self.data {
            None => (Bytes::new(), None),
            Some(Data::Json(value)) => (value.to_string().into(), Some("application/json")),
            Some(Data::Text(text)) => (text.clone().into(), None),
            Some(Data::Binary(bytes)) => (bytes.clone(), None),
        };
        if let Some(content_type) = self.content_type.as_deref().or(usual) {
            let value = match binding.has_attribute_for_type() {
                true => percent::encode(content_type),
                false => content_type.to_owned(),
            };
            headers.push((binding.content_type.to_owned(), value));
        }
        (headers, body)
    }

    /// The event of these headers and this body; headers that are none of its own are left alone.
    ///
    /// All attributes that are not known come as text. Data is JSON or text if its content type says
    /// so, and bytes otherwise.
    ///
    /// # Errors
    /// It is not a CloudEvents 1.0 event; the error names the attribute.
    pub fn from_binary<'a>(
        binding: Binding,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        body: Bytes,
    ) -> Result<Self, InvalidEvent> {
        let mut found = BTreeMap::new();
        for (header, value) in headers {
            let attribute = binding.attribute(header);
            let name = match attribute {
                Some(name) => name.to_ascii_lowercase(),
                None if header.eq_ignore_ascii_case(binding.content_type) => {
                    "datacontenttype".to_owned()
                }
                None => continue,
            };
            let typed = name == "datacontenttype" && !binding.has_attribute_for_type();
            if attribute.is_some() && typed {
                return Err(InvalidEvent::new(name, "travels as content-type"));
            }
            let value = std::str::from_utf8(value)
                .map_err(|_| InvalidEvent::new(&*name, "is not UTF-8"))?;
            let value = match binding.percent && attribute.is_some() {
                true => percent::decode(&name, value)?,
                false => value.to_owned(),
            };
            if found.insert(name.clone(), value).is_some() {
                return Err(InvalidEvent::new(name, "is given twice"));
            }
        }
        let mut required = |name: &str| {
            let value = found.remove(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| InvalidEvent::new(name, "is missing or empty"))
        };
        let version = required("specversion")?;
        if version != "1.0" {
            let reason = format!("must be \"1.0\", not {version:?}");
            return Err(InvalidEvent::new("specversion", reason));
        }
        let mut event = Self {
            id: required("id")?,
            source: required("source")?,
            kind: required("type")?,
            subject: found.remove("subject"),
            time: match found.remove("time") {
                None => None,
                Some(time) => Some(text::parse_timestamp("time", &time)?),
            },
            content_type: found.remove("datacontenttype"),
            schema: found.remove("dataschema"),
            extensions: BTreeMap::new(),
            data: None,
        };
        event.data = data(event.content_type.as_deref(), body)?;
        for (name, value) in found {
            rules::check_name(&name)?;
            event.extensions.insert(name, Attribute::String(value));
        }
        event.check()?;
        Ok(event)
    }
}

fn data(content_type: Option<&str>, body: Bytes) -> Result<Option<Data>, InvalidEvent> {
    if body.is_empty() {
        return Ok(None);
    }
    let Some(content_type) = content_type else {
        return Ok(Some(Data::Binary(body)));
    };
    if media_type::is_json(content_type) {
        return serde_json::from_slice(&body)
            .map(|value| Some(Data::Json(value)))
            .map_err(|error| InvalidEvent::new("data", error.to_string()));
    }
    if media_type::is_text(content_type)
        && let Ok(text) = std::str::from_utf8(&body)
    {
        return Ok(Some(Data::Text(text.to_owned())));
    }
    Ok(Some(Data::Binary(body)))
}
