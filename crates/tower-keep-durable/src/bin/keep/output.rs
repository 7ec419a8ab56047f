use std::io::{self, ErrorKind, Write};

use serde_json::Value;
use tower_keep_durable::BoxError;

/// Where answers go: lines for people, or JSON.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints the one or the other.
    pub(crate) fn print(&self, json: &Value, text: &str) -> Result<(), BoxError> {
        let written = if self.json {
            writeln!(io::stdout(), "{json:#}")
        } else {
            writeln!(io::stdout(), "{text}")
        };
        match written {
            // `keep .. | head` has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }
}

/// JSON that is kept as text.
pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
