use serde::Serialize;

/// How a layer is doing right now, in the same words for every layer: what a health page, a console
/// or a log line shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Vitals {
    /// The layer: its module's name.
    pub layer: &'static str,
    /// The name given to it, empty if none was given.
    pub name: String,
    /// Which of the layer's [keys](crate::keyed), if it is one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How it is doing.
    pub condition: Condition,
    /// The same for a person: `open since 3 s, 5 failures in a row`.
    pub summary: String,
}

impl Vitals {
    pub(crate) fn new(
        emitter: &super::Emitter,
        condition: Condition,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            layer: emitter.layer(),
            name: emitter.name().as_str().to_owned(),
            key: (!emitter.key().is_empty()).then(|| emitter.key().to_owned()),
            condition,
            summary: summary.into(),
        }
    }
}

/// How a layer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It lets calls through.
    Normal,
    /// It lets some calls through.
    Strained,
    /// It turns every call away.
    Refusing,
}

/// Something whose vitals can be looked at: every layer's handle.
pub trait Watch: Send + Sync {
    /// How it is doing right now.
    fn vitals(&self) -> Vitals;
}
