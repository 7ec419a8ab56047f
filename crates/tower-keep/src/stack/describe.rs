//! A stack in words, made of what is serialized of it, so that no field can be forgotten.

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

/// One layer's line and its fields.
pub(super) struct Part {
    name: &'static str,
    /// None if the layer was given no configuration.
    config: Option<Value>,
    defaults: Value,
}

impl Part {
    pub(super) fn new<C: Serialize + Default>(name: &'static str, config: &C) -> Self {
        Self {
            name,
            config: Some(value(config)),
            defaults: value(&C::default()),
        }
    }

    /// A layer that may be left out, since it has no default for one of its fields; `other` has the
    /// defaults of the others.
    pub(super) fn given<C: Serialize>(name: &'static str, config: Option<&C>, other: &C) -> Self {
        Self {
            name,
            config: config.map(value),
            defaults: value(other),
        }
    }
}

fn value(config: &impl Serialize) -> Value {
    serde_json::to_value(config).expect("a configuration is plain data")
}

/// All of it: what was set is marked, what was not has its default.
pub(super) fn describe(kind: &str, name: &str, parts: &[Part]) -> String {
    let mut text = format!("{kind} stack `{name}`, outside in (* = not the default)\n");
    for part in parts {
        let enabled = part
            .config
            .as_ref()
            .map(|config| config["enabled"] != Value::Bool(false));
        let switch = if enabled == Some(true) { "on" } else { "off" };
        let _ = writeln!(text, "{} {switch}", part.name);
        let fields = part.config.as_ref().and_then(Value::as_object);
        for (field, value) in fields.into_iter().flatten() {
            if field == "enabled" {
                continue;
            }
            let is_default = part.defaults.get(field) == Some(value);
            let mark = if is_default { ' ' } else { '*' };
            let _ = writeln!(text, "  {mark} {field} = {}", shown(value));
        }
    }
    text
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
