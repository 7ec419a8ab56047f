use std::fmt;

/// A configuration that cannot work, with the field to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    layer: &'static str,
    field: &'static str,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(
        layer: &'static str,
        field: &'static str,
        problem: impl Into<String>,
    ) -> Self {
        Self {
            layer,
            field,
            problem: problem.into(),
        }
    }

    /// The layer whose configuration it is, such as `circuit_breaker`.
    #[must_use]
    pub fn layer(&self) -> &'static str {
        self.layer
    }

    /// What is wrong with the field.
    pub(crate) fn problem(&self) -> &str {
        &self.problem
    }

    /// The field to change.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` {}", self.layer, self.field, self.problem)
    }
}

impl std::error::Error for ConfigError {}
