use tower_keep::stack::{ClientStack, ServerStack};

/// A stack from a file: it is built, or refused with each mistake named; its description and what the
/// linter says of it are always there; and it survives being written and read again.
pub fn stacks(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(stack) = toml::from_str::<ServerStack>(text) {
        let lints = stack.lint();
        assert!(!stack.describe().is_empty());
        if let Err(refused) = stack.layer() {
            assert!(!refused.to_string().is_empty(), "{lints:?}");
        }
        let written = toml::to_string(&stack).expect("was read from the same");
        assert_eq!(toml::from_str(&written), Ok(stack), "{written}");
    }
    if let Ok(stack) = toml::from_str::<ClientStack>(text) {
        let lints = stack.lint();
        assert!(!stack.describe().is_empty());
        if let Err(refused) = stack.layer() {
            assert!(!refused.to_string().is_empty(), "{lints:?}");
        }
        let written = toml::to_string(&stack).expect("was read from the same");
        assert_eq!(toml::from_str(&written), Ok(stack), "{written}");
    }
}
