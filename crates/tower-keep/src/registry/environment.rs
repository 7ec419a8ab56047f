//! Documents from variables of the environment.

use std::env;

use serde_json::{Map, Value};

use super::{Document, RegistryError};

impl Document {
    /// Reads the variables of the environment that begin with `prefix` and two underscores, such as
    /// `KEEP__BULKHEAD__API__MAX_QUEUE=20` for `KEEP`: layer, name and fields, with two underscores
    /// between them, in any case.
    ///
    /// Values are read as TOML (`20`, `true`, `["failure_rate"]`), and as text if they are none (`2s`).
    /// Give it to [`Registry::overridden_by`](super::Registry::overridden_by).
    ///
    /// # Errors
    /// If a variable names no field.
    pub fn from_env(prefix: &str) -> Result<Self, RegistryError> {
        let vars = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::from_vars(prefix, vars)
    }

    /// [`from_env`](Self::from_env) from variables of your own.
    ///
    /// # Errors
    /// If a variable names no field.
    pub fn from_vars(
        prefix: &str,
        vars: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, RegistryError> {
        let mut tables = Map::new();
        let start = format!("{prefix}__").to_ascii_lowercase();
        for (name, value) in vars {
            let name = name.to_ascii_lowercase();
            let Some(path) = name.strip_prefix(&start) else {
                continue;
            };
            let path: Vec<_> = path.split("__").collect();
            put(&mut tables, &path, self::value(&value))
                .map_err(|problem| RegistryError::Syntax(format!("{name} {problem}")))?;
        }
        Self::of(tables, "the environment")
    }
}

fn put(tables: &mut Map<String, Value>, path: &[&str], value: Value) -> Result<(), &'static str> {
    let [layer, .., field] = path else {
        return Err("names no layer");
    };
    if path.len() < 3 || layer.is_empty() || field.is_empty() {
        return Err("names no field: write PREFIX__LAYER__NAME__FIELD");
    }
    let mut table = tables;
    for part in &path[..path.len() - 1] {
        let next = table.entry(*part).or_insert_with(|| Map::new().into());
        table = next
            .as_object_mut()
            .ok_or("goes into what another variable sets as a whole")?;
    }
    table.insert((*field).to_owned(), value);
    Ok(())
}

fn value(text: &str) -> Value {
    let line = format!("it = {text}");
    let read = toml::from_str::<Map<String, Value>>(&line).ok();
    let alone = read.filter(|read| read.len() == 1);
    let value = alone.and_then(|mut read| read.remove("it"));
    value.unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Document, RegistryError> {
        let vars = vars
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        Document::from_vars("KEEP", vars)
    }

    #[test]
    fn a_variable_is_a_field() {
        let document = read(&[
            ("KEEP__BULKHEAD__API__MAX_QUEUE", "20"),
            ("KEEP__BULKHEAD__API__MAX_WAIT", "2s"),
            ("KEEP__DEFAULTS__CIRCUIT_BREAKER__WINDOW__TIME", "5s"),
            ("keep__circuit_breaker__api__unset", "[\"failure_rate\"]"),
            ("KEEPER", "no"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        let expected = json!({
            "bulkhead": {"api": {"max_queue": 20, "max_wait": "2s"}},
            "defaults": {"circuit_breaker": {"window": {"time": "5s"}}},
            "circuit_breaker": {"api": {"unset": ["failure_rate"]}},
        });
        assert_eq!(Value::Object(document.tables), expected);
    }

    #[test]
    fn a_variable_that_is_no_field_is_named() {
        for vars in [
            &[("KEEP__BULKHEAD", "1")][..],
            &[("KEEP__BULKHEAD__API", "1")],
            &[("KEEP__A__B__C", "1"), ("KEEP__A__B__C__D", "1")],
        ] {
            let error = read(vars).unwrap_err().to_string();
            assert!(error.contains("keep__"), "{error}");
        }
    }
}
