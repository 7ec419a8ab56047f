//! What a document makes of the configuration of one layer.

use serde_json::{Map, Value};

use super::{
    Document,
    document::{BASES, DEFAULTS},
};
use crate::config::{SteerError, merge};

/// A layer, as far as a document is concerned.
pub(super) struct Subject<'a> {
    pub(super) layer: &'a str,
    pub(super) name: &'a str,
    pub(super) alternatives: &'a [&'a str],
}

impl Document {
    /// The configuration of a layer that was built with `built`.
    pub(super) fn resolve(
        &self,
        subject: &Subject<'_>,
        built: &Value,
    ) -> Result<Value, SteerError> {
        let mut config = built.clone();
        for path in [[DEFAULTS, subject.layer], [subject.layer, subject.name]] {
            self.put(&mut config, &path, subject, 0)?;
        }
        Ok(config)
    }

    /// Puts the table at `path` over the configuration, after the bases that it inherits from.
    fn put(
        &self,
        config: &mut Value,
        path: &[&str],
        subject: &Subject<'_>,
        depth: usize,
    ) -> Result<(), SteerError> {
        let Some(Value::Object(table)) = self.at(path) else {
            return Ok(());
        };
        let wrong = |field: &str, problem: String| {
            let path = format!("{}.{field}", path.join("."));
            Err(SteerError::new(path, problem))
        };
        if depth > DEEPEST {
            return wrong(INHERIT, "goes round in circles, or too deep".to_owned());
        }
        let mut table = table.clone();
        let Some(bases) = words(&mut table, INHERIT) else {
            return wrong(
                INHERIT,
                "is not the name of a base, or a list of them".to_owned(),
            );
        };
        for base in bases {
            let path = [BASES, subject.layer, &base];
            if self.at(&path).is_none() {
                return wrong(
                    INHERIT,
                    format!("is `{base}`: there is no `{}`", path.join(".")),
                );
            }
            self.put(config, &path, subject, depth + 1)?;
        }
        let Some(unset) = words(&mut table, UNSET) else {
            return wrong(UNSET, "is not a field, or a list of them".to_owned());
        };
        for field in unset {
            merge(
                config,
                &Value::Object(Map::from_iter([(field, Value::Null)])),
                &[],
            );
        }
        merge(config, &Value::Object(table), subject.alternatives);
        Ok(())
    }
}

/// Takes a word or a list of words out of a table; `None` if it is something else.
fn words(table: &mut Map<String, Value>, field: &str) -> Option<Vec<String>> {
    match table.remove(field) {
        None => Some(Vec::new()),
        Some(Value::String(word)) => Some(vec![word]),
        Some(list) => serde_json::from_value(list).ok(),
    }
}

/// Which bases come first.
const INHERIT: &str = "inherit";
/// Which fields are to be left out.
const UNSET: &str = "unset";
/// More than anybody can follow.
const DEEPEST: usize = 16;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(text: &str) -> Result<Value, SteerError> {
        let subject = Subject {
            layer: "breaker",
            name: "api",
            alternatives: &["window"],
        };
        let built = json!({"a": 0, "b": 0, "c": 0, "window": {"time": "1s"}});
        Document::from_toml(text).unwrap().resolve(&subject, &built)
    }

    #[test]
    fn what_is_nearer_counts_more() {
        let config = resolve(
            r#"
            defaults.breaker = { a = 1, b = 1, c = 1 }
            bases.breaker.first = { a = 2, b = 2 }
            bases.breaker.second = { inherit = "first", b = 3, window = { count = 9 } }
            breaker.api = { inherit = ["second"], c = 4, unset = ["a"] }
            breaker.other = { a = 100 }
            "#,
        );
        let expected = json!({"a": null, "b": 3, "c": 4, "window": {"count": 9}});
        assert_eq!(config.unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_inherited_is_named() {
        for (text, path) in [
            (r#"breaker.api.inherit = "none""#, "breaker.api.inherit"),
            ("breaker.api.inherit = 3", "breaker.api.inherit"),
            ("breaker.api.unset = 3", "breaker.api.unset"),
            (
                "bases.breaker.x.inherit = 'x'\nbreaker.api.inherit = 'x'",
                "bases.breaker.x.inherit",
            ),
        ] {
            assert_eq!(resolve(text).unwrap_err().path(), path, "{text}");
        }
    }
}
