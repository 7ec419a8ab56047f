use serde::Serialize;
use serde_json::Value;

/// What differs between two configurations, for people: `max_concurrent: 10 -> 20, max_queue: 0 -> 5`.
/// Empty if nothing does.
pub(crate) fn changes<C: Serialize>(old: &C, new: &C) -> String {
    let [old, new] = [old, new].map(|config| serde_json::to_value(config).unwrap_or_default());
    let mut found = Vec::new();
    compare("", &old, &new, &mut found);
    found.join(", ")
}

fn compare(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    if let (Value::Object(old), Value::Object(new)) = (old, new) {
        let added = new.keys().filter(|key| !old.contains_key(*key));
        for key in old.keys().chain(added) {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            let [old, new] = [old, new].map(|map| map.get(key).unwrap_or(&Value::Null));
            compare(&path, old, new, found);
        }
    } else if old != new {
        found.push(format!("{path}: {} -> {}", shown(old), shown(new)));
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_names_the_fields_and_both_values() {
        let old = json!({"a": 1, "b": {"c": "1s", "d": true}, "e": null});
        let new = json!({"a": 2, "b": {"c": "2s", "d": true}, "e": [1]});
        assert_eq!(
            changes(&old, &new),
            "a: 1 -> 2, b.c: 1s -> 2s, e: none -> [1]"
        );
        assert_eq!(changes(&old, &old), "");
    }
}
