use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError};

/// Which ids are taken, and where they are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorrelationIdConfig {
    /// Whether it does anything. Default true.
    pub enabled: bool,
    /// The header that brings the id and takes it on. Default `x-correlation-id`.
    pub header: String,
    /// Further headers that may bring the id, looked at in this order where `header` brings none:
    /// `x-request-id`, for instance. Default none, so that nobody is believed by accident.
    pub also_accept: Vec<String>,
    /// Whether callers are believed. Default [`Trust::Accept`], which is right among your own services.
    pub trust: Trust,
    /// Whether the response carries the id. Default true: a customer can quote it.
    pub response_header: bool,
    /// Whether `traceparent` and `tracestate` are taken, made and passed on. Default true.
    pub trace: bool,
    /// Whether the [priority](crate::context::Priority) is taken from `Priority` and passed on. Default
    /// true: what matters here matters in the services that are called for it.
    pub priority: bool,
}

/// Whether what a caller says about itself is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// A well-formed id, a valid trace and a priority are kept: for callers that are your own.
    #[default]
    Accept,
    /// Every request gets a new id and a new trace, and no priority: for callers from outside.
    Replace,
}

impl CorrelationIdConfig {
    /// For a service that strangers call: nothing that a caller says is kept.
    #[must_use]
    pub fn edge() -> Self {
        Self {
            trust: Trust::Replace,
            ..Self::default()
        }
    }

    /// The header, checked.
    pub(super) fn header(&self) -> Result<HeaderName, ConfigError> {
        // A static name is cheaper to put into a map than the same name read from text.
        if self.header == DEFAULT_HEADER {
            return Ok(HeaderName::from_static(DEFAULT_HEADER));
        }
        name("header", &self.header)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.header()?;
        self.also_accept().map(drop)
    }

    /// The further headers, checked.
    pub(super) fn also_accept(&self) -> Result<Box<[HeaderName]>, ConfigError> {
        let named = |header: &String| name("also_accept", header);
        self.also_accept.iter().map(named).collect()
    }
}

const DEFAULT_HEADER: &str = "x-correlation-id";

/// A header name that an id may be in.
fn name(field: &'static str, header: &str) -> Result<HeaderName, ConfigError> {
    let check = Check(LAYER);
    let name = HeaderName::from_bytes(header.as_bytes());
    check.that(name.is_ok(), field, || {
        format!("is {header:?}: give the name of a header, such as {DEFAULT_HEADER}")
    })?;
    let name = name.expect("checked above");
    let is_trace = matches!(name.as_str(), "traceparent" | "tracestate");
    check.that(!is_trace, field, || {
        format!("is {header:?}, which carries the trace: give a header of its own")
    })?;
    check.that(name != "priority", field, || {
        format!("is {header:?}, which carries the priority: give a header of its own")
    })?;
    Ok(name)
}

impl Default for CorrelationIdConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            header: DEFAULT_HEADER.to_owned(),
            also_accept: Vec::new(),
            trust: Trust::Accept,
            response_header: true,
            trace: true,
            priority: true,
        }
    }
}
