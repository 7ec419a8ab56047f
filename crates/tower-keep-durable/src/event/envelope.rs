use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use time::OffsetDateTime;
use tower_keep::context::Context;
use uuid::Uuid;

use super::{Attribute, InvalidEvent, rules};

/// Something that happened. See the [module](super).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) subject: Option<String>,
    pub(super) time: Option<OffsetDateTime>,
    pub(super) content_type: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) extensions: BTreeMap<String, Attribute>,
    pub(super) data: Option<Data>,
}

/// What an event carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// JSON, which it is unless it says otherwise.
    Json(Value),
    /// Text of the content type it names.
    Text(String),
    /// Bytes of the content type it names.
    Binary(Bytes),
}

impl Event {
    /// An event of now with a fresh id (UUID v7, so ids are in order of time).
    ///
    /// Told while working on a request, it has the request's correlation id and place in a trace (see
    /// [`tower_keep::context`]). Otherwise it starts a business flow of its own: its correlation id is
    /// its id.
    ///
    /// `source` names who tells it, `kind` what happened and in which version of its data
    /// (`shop.order.created.v1`).
    ///
    /// # Panics
    /// `data` does not serialize to JSON: a map with keys that are not text, or a `Serialize` that
    /// fails.
    #[must_use]
    pub fn new(source: impl Into<String>, kind: impl Into<String>, data: impl Serialize) -> Self {
        let id = Uuid::now_v7().to_string();
        let data = serde_json::to_value(data).expect("the data of an event is plain data");
        let event = Self {
            id: id.clone(),
            source: source.into(),
            kind: kind.into(),
            subject: None,
            time: Some(OffsetDateTime::now_utc()),
            content_type: Some("application/json".to_owned()),
            schema: None,
            extensions: BTreeMap::new(),
            data: Some(Data::Json(data)),
        };
        match Context::current() {
            None => event.correlated(id),
            Some(context) => event.within(&context),
        }
    }

    fn within(mut self, context: &Context) -> Self {
        if let Some(trace) = context.trace_parent() {
            self = self.with("traceparent", trace.to_string());
            if let Some(state) = context.trace_state().and_then(|state| state.to_str().ok()) {
                self = self.with("tracestate", state);
            }
        }
        self.correlated(context.correlation_id().as_str())
    }

    /// With this id, where the teller must be able to tell the same event twice.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        let starts_a_flow = self.correlation_id() == Some(&*self.id);
        self.id = id.into();
        match starts_a_flow {
            true => {
                let id = self.id.clone();
                self.correlated(id)
            }
            false => self,
        }
    }

    /// Of that moment instead of now.
    #[must_use]
    pub fn at(mut self, time: OffsetDateTime) -> Self {
        self.time = Some(time);
        self
    }

    /// With a URI that describes its data.
    #[must_use]
    pub fn described_by(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Carrying this instead of JSON.
    #[must_use]
    pub fn carrying(mut self, content_type: impl Into<String>, data: Data) -> Self {
        self.content_type = Some(content_type.into());
        self.data = Some(data);
        self
    }

    /// The same event in the words of another version of its data: an upcast. Id, time and all else
    /// stay.
    ///
    /// # Panics
    /// `data` does not serialize to JSON.
    #[must_use]
    pub fn retold(mut self, kind: impl Into<String>, data: impl Serialize) -> Self {
        let data = serde_json::to_value(data).expect("the data of an event is plain data");
        self.kind = kind.into();
        self.data = Some(Data::Json(data));
        self
    }

    /// What of the source it is about, such as the id of an order.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Of this partition key: events of one key are delivered in order, one at a time to a group.
    #[must_use]
    pub fn keyed(self, key: impl Into<String>) -> Self {
        self.with("partitionkey", key.into())
    }

    /// Part of this business flow.
    #[must_use]
    pub fn correlated(self, id: impl Into<String>) -> Self {
        self.with("correlationid", id.into())
    }

    /// Told because of `cause`: takes over its flow, its key and its trace, unless they were set.
    #[must_use]
    pub fn caused_by(mut self, cause: &Self) -> Self {
        for name in ["correlationid", "traceparent", "tracestate"] {
            if let Some(value) = cause.extensions.get(name) {
                self.extensions.insert(name.to_owned(), value.clone());
            }
        }
        if let (None, Some(key)) = (self.key(), cause.key()) {
            self = self.keyed(key.to_owned());
        }
        self.with("causationid", cause.id.clone())
    }

    /// With this extension attribute.
    ///
    /// # Panics
    /// The name is not of lower-case letters and digits, or it is that of an attribute which every
    /// event has. Names are part of the program; what comes from outside is read, which gives errors.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Attribute>) -> Self {
        let name = name.into();
        if let Err(error) = rules::check_name(&name) {
            panic!("not an extension attribute: {error}");
        }
        self.extensions.insert(name, value.into());
        self
    }

    /// Its id, unique within its source.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who tells it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What happened: the attribute `type`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Where its data is described.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The media type of its data: JSON unless it says otherwise.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Option<OffsetDateTime> {
        self.time
    }

    /// The key that orders it among others.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.extension("partitionkey").and_then(Attribute::as_str)
    }

    /// The business flow it belongs to.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.extension("correlationid").and_then(Attribute::as_str)
    }

    /// The id of the event that was its direct cause.
    #[must_use]
    pub fn causation_id(&self) -> Option<&str> {
        self.extension("causationid").and_then(Attribute::as_str)
    }

    /// An extension attribute.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&Attribute> {
        self.extensions.get(name)
    }

    /// All extension attributes, by name.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        let extensions = self.extensions.iter();
        extensions.map(|(name, value)| (&**name, value))
    }

    /// What it carries, as it travels.
    #[must_use]
    pub fn data(&self) -> Option<&Data> {
        self.data.as_ref()
    }

    /// What it carries, read.
    ///
    /// # Errors
    /// It is not JSON, or not of this shape; the error names the field.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, InvalidEvent> {
        match &self.data {
            Some(Data::Json(value)) => {
                T::deserialize(value).map_err(|error| InvalidEvent::new("data", error.to_string()))
            }
            Some(_) => Err(InvalidEvent::new("data", "is not JSON")),
            None => Err(InvalidEvent::new("data", "is missing")),
        }
    }
}
