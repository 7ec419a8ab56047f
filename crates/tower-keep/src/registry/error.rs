use std::path::PathBuf;

use crate::config::SteerError;

/// What a registry could not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// It is neither TOML nor JSON; says where.
    #[error("the document cannot be read: {0}")]
    Syntax(String),
    /// The document, or a configuration in it, cannot work. All that is wrong with it, each with its
    /// path.
    #[error("{}", all(.0))]
    Refused(Vec<SteerError>),
    /// Something else is being changed at this moment: try again.
    #[error("another change is being made: try again")]
    Busy,
    /// The file cannot be read, or is longer than a megabyte.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no such layer.
    #[error("there is no {layer}.{name}")]
    UnknownHandle {
        /// The layer.
        layer: String,
        /// Its name.
        name: String,
    },
    /// The layer has no such action.
    #[error("there is no action {action}: use one of {}", known.join(", "))]
    UnknownAction {
        /// The action.
        action: String,
        /// Those that there are.
        known: &'static [&'static str],
    },
    /// What was saved is of a version that is not known here.
    #[error("version {found} is not known: this is version {known}")]
    Version {
        /// The version that it has.
        found: u32,
        /// The version that it should have.
        known: u32,
    },
}

fn all(problems: &[SteerError]) -> String {
    let lines: Vec<_> = problems.iter().map(SteerError::to_string).collect();
    lines.join("; ")
}
