//! The document of `/health`, after draft-inadarei-api-health-check-06.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use humantime_serde::re::humantime::format_rfc3339_millis;
use serde::Serialize;

use super::{
    Details, Importance, Standing,
    cell::{Cell, Known, bounded},
    registry::Registry,
};
use crate::observe::{Condition, Vitals};

/// How it is. `warn` is an answer with 200: something is wrong, and calls are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Pass,
    Warn,
    Fail,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    checks: BTreeMap<String, Vec<Entry>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    component_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'static str>,
    status: Status,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

/// The whole page, and whether it is `fail`.
pub(super) fn render(registry: &Registry) -> (Status, Bytes) {
    let config = registry.config();
    let notes = registry.obstacles();
    let mut checks = BTreeMap::<String, Vec<Entry>>::new();
    for cell in registry.cells() {
        let entry = Entry::of_check(&cell, cell.known());
        let key = format!("{}:responseTime", cell.name);
        checks.entry(key).or_default().push(entry);
    }
    for layer in registry.watched() {
        let vitals = layer.vitals();
        let key = match vitals.name.as_str() {
            "" => vitals.layer.to_owned(),
            name => format!("{name}:{}", vitals.layer),
        };
        checks
            .entry(key)
            .or_default()
            .push(Entry::of_vitals(vitals));
    }
    let worst = checks.values().flatten().map(|entry| entry.status).max();
    let status = match worst {
        _ if !notes.is_empty() => Status::Fail,
        None | Some(Status::Pass) => Status::Pass,
        Some(_) => Status::Warn,
    };
    let page = match config.details {
        Details::StatusOnly => Page {
            status,
            version: None,
            release_id: None,
            service_id: None,
            description: None,
            notes: Vec::new(),
            checks: BTreeMap::new(),
        },
        Details::Full => {
            checks.insert("uptime".into(), vec![Entry::uptime(registry)]);
            checks.insert("lifecycle".into(), vec![Entry::lifecycle(registry)]);
            Page {
                status,
                version: config.version.as_deref(),
                release_id: config.release_id.as_deref(),
                service_id: config.service_id.as_deref(),
                description: config.description.as_deref(),
                notes,
                checks,
            }
        }
    };
    let json = serde_json::to_vec(&page).expect("strings and numbers are always JSON");
    (status, json.into())
}

impl Entry {
    fn of_check(cell: &Cell, known: Known) -> Self {
        let status = status_of(cell.importance, &known);
        let Some(last) = known.last else {
            return Self {
                output: Some("no result yet".into()),
                ..Self::system(status, cell.component_type)
            };
        };
        Self {
            observed_value: Some(last.millis().into()),
            observed_unit: Some("ms"),
            time: rfc3339(last.at.elapsed()),
            output: last.failure,
            ..Self::system(status, cell.component_type)
        }
    }

    fn of_vitals(vitals: Vitals) -> Self {
        let (status, condition) = match vitals.condition {
            Condition::Normal => (Status::Pass, "normal"),
            Condition::Strained => (Status::Warn, "strained"),
            Condition::Refusing => (Status::Warn, "refusing"),
        };
        Self {
            observed_value: Some(condition.into()),
            output: (status != Status::Pass).then(|| bounded(vitals.summary)),
            ..Self::system(status, "component")
        }
    }

    fn uptime(registry: &Registry) -> Self {
        let seconds = registry.born.elapsed().as_millis() as f64 / 1000.0;
        Self {
            observed_value: Some(seconds.into()),
            observed_unit: Some("s"),
            ..Self::system(Status::Pass, "system")
        }
    }

    fn lifecycle(registry: &Registry) -> Self {
        let phase = registry.lifecycle.phase();
        let status = match phase {
            super::Phase::Ready => Status::Pass,
            _ => Status::Fail,
        };
        Self {
            observed_value: Some(phase.as_str().into()),
            ..Self::system(status, "system")
        }
    }

    fn system(status: Status, component_type: &'static str) -> Self {
        Self {
            component_type,
            observed_value: None,
            observed_unit: None,
            status,
            time: rfc3339(Duration::ZERO),
            output: None,
        }
    }
}

/// A check that has begun to fail warns before it changes its mind.
pub(super) fn status_of(importance: Importance, known: &Known) -> Status {
    match (known.streak.standing, importance) {
        (Standing::Passing, _) if known.streak.contrary == 0 => Status::Pass,
        (Standing::Passing, _) | (_, Importance::Informational) => Status::Warn,
        (_, Importance::Critical) => Status::Fail,
    }
}

/// The wall clock this long ago, for people; nothing is decided by it.
fn rfc3339(ago: Duration) -> String {
    let now = SystemTime::now();
    format_rfc3339_millis(now.checked_sub(ago).unwrap_or(now)).to_string()
}
