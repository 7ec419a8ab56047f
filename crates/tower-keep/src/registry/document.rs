use std::{fs::File, io::Read, path::Path};

use serde_json::{Map, Value};

use super::RegistryError;
use crate::config::SteerError;

/// The configurations of many layers: see the [module](super).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    pub(super) tables: Map<String, Value>,
    /// Where it came from, for people.
    pub(super) source: String,
}

impl Document {
    /// Reads TOML.
    ///
    /// # Errors
    /// If it is no TOML, or if what it says is not in tables.
    pub fn from_toml(text: &str) -> Result<Self, RegistryError> {
        let tables = toml::from_str::<Map<String, Value>>(text)
            .map_err(|error| RegistryError::Syntax(in_a_line(text, &error)))?;
        Self::of(tables, "TOML")
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// If it is no JSON, or if what it says is not in objects.
    pub fn from_json(text: &str) -> Result<Self, RegistryError> {
        let tables =
            serde_json::from_str(text).map_err(|error| RegistryError::Syntax(error.to_string()))?;
        Self::of(tables, "JSON")
    }

    /// Reads a file: JSON if its name ends so, else TOML.
    ///
    /// Blocks for as long as the file system takes.
    ///
    /// # Errors
    /// If it cannot be read, is longer than a megabyte, or is no document.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, RegistryError> {
        let path = path.as_ref();
        Self::in_file(path, &contents(path)?)
    }

    pub(super) fn in_file(path: &Path, text: &str) -> Result<Self, RegistryError> {
        let is_json = path.extension().is_some_and(|ending| ending == "json");
        let read = if is_json {
            Self::from_json
        } else {
            Self::from_toml
        };
        let document = read(text)?;
        Ok(Self {
            source: path.display().to_string(),
            ..document
        })
    }

    pub(super) fn of(tables: Map<String, Value>, source: &str) -> Result<Self, RegistryError> {
        let mut problems = Vec::new();
        for (name, table) in &tables {
            let depth = if name == BASES { 2 } else { 1 };
            must_be_tables(name, table, depth, &mut problems);
        }
        if problems.is_empty() {
            let source = source.to_owned();
            Ok(Self { tables, source })
        } else {
            Err(RegistryError::Refused(problems))
        }
    }

    /// The tables of single layers: layer, name.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let layers = self.tables.iter();
        layers
            .filter(|(layer, _)| ![BASES, DEFAULTS].contains(&layer.as_str()))
            .flat_map(|(layer, names)| {
                let names = names.as_object().into_iter().flat_map(Map::keys);
                names.map(|name| (layer.as_str(), name.as_str()))
            })
    }

    pub(super) fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        let first = self.tables.get(*first)?;
        rest.iter().try_fold(first, |table, name| table.get(*name))
    }
}

/// What is wrong with TOML and where, without the lines around it.
fn in_a_line(text: &str, error: &toml::de::Error) -> String {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = 1 + text.as_bytes()[..start]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count();
    format!("line {line}: {}", error.message().replace('\n', ", "))
}

fn must_be_tables(path: &str, value: &Value, depth: usize, problems: &mut Vec<SteerError>) {
    match value {
        Value::Object(fields) if depth > 0 => {
            for (name, value) in fields {
                must_be_tables(&format!("{path}.{name}"), value, depth - 1, problems);
            }
        }
        Value::Object(_) => {}
        _ => problems.push(SteerError::new(
            path,
            "is not a table: give a table of fields",
        )),
    }
}

/// The text of a file, if it is not too long.
pub(super) fn contents(path: &Path) -> Result<String, RegistryError> {
    let failed = |problem: String| RegistryError::File {
        path: path.to_owned(),
        problem,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    let read = read.map_err(|error| failed(error.to_string()))?;
    if read as u64 > LONGEST {
        return Err(failed("is longer than a megabyte".to_owned()));
    }
    Ok(text)
}

/// What is not a layer.
pub(super) const BASES: &str = "bases";
pub(super) const DEFAULTS: &str = "defaults";
const LONGEST: u64 = 1 << 20;
