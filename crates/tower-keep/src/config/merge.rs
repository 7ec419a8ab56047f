use serde_json::Value;

/// Puts `over` over a configuration: tables are merged, everything else is replaced. So are the
/// fields of the first level that are one of several things: of two, neither would be left.
pub(crate) fn merge(config: &mut Value, over: &Value, alternatives: &[&str]) {
    match (config, over) {
        (Value::Object(config), Value::Object(over)) => {
            for (field, value) in over {
                match config.get_mut(field) {
                    Some(there) if !alternatives.contains(&field.as_str()) => {
                        merge(there, value, &[]);
                    }
                    _ => drop(config.insert(field.clone(), value.clone())),
                }
            }
        }
        (config, over) => *config = over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_are_merged_and_alternatives_are_not() {
        let mut config = json!({"a": {"b": 1, "c": 2}, "window": {"time": "10s"}, "d": [1]});
        let over = json!({"a": {"c": 3}, "window": {"count": 5}, "d": [], "e": null});
        merge(&mut config, &over, &["window"]);
        let expected = json!({"a": {"b": 1, "c": 3}, "window": {"count": 5}, "d": [], "e": null});
        assert_eq!(config, expected);
    }
}
