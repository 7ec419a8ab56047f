//! What was measured, for eyes and for programs.

mod markdown;
mod picture;
mod table;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    Case,
    timing::{Samples, Spread},
};

pub use self::{
    markdown::{between_markers, overhead as overhead_markdown},
    picture::picture,
    table::table,
};

/// Whose layer the others are held against.
pub const OURS: &str = "tower-keep";

/// One layer of somebody's on one path.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The layer.
    pub layer: String,
    /// What happens to the call.
    pub path: String,
    /// What is called: numbers or HTTP.
    pub input: String,
    /// Whose layer it is.
    pub whose: String,
    /// Nanoseconds of a call.
    pub ns: Spread,
    /// What of it is the layer's, by the medians.
    pub added_ns: f64,
    /// What it adds as a multiple of what ours adds, if it is not ours.
    pub times_ours: Option<Spread>,
    /// Allocations of a call, and their bytes.
    pub allocations: Option<(u64, u64)>,
    /// The size of the service, in bytes.
    pub service_size: usize,
    /// The size of its future, in bytes.
    pub future_size: usize,
}

impl Row {
    /// `layer/path/input`.
    #[must_use]
    pub fn what(&self) -> String {
        format!("{}/{}/{}", self.layer, self.path, self.input)
    }

    /// Whether it is ours.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.whose == OURS
    }
}

/// Brings together what is known about the cases; those that nothing is held against are left out.
#[must_use]
pub fn rows(
    cases: &[Case],
    samples: &[Samples],
    allocations: &BTreeMap<String, (u64, u64)>,
) -> Vec<Row> {
    let by_name: BTreeMap<&str, &Samples> = cases
        .iter()
        .zip(samples)
        .map(|(case, samples)| (case.name.as_str(), samples))
        .collect();
    let row = |(case, samples): (&Case, &Samples)| {
        let mut parts = case.name.split('/').map(str::to_owned);
        let [layer, path, input, whose] = [(); 4].map(|()| parts.next().expect("four parts"));
        let bare = by_name.get(format!("bare/admitted/{input}/-").as_str())?;
        let ours = by_name.get(format!("{layer}/{path}/{input}/{OURS}").as_str());
        let ns = samples.spread();
        Some(Row {
            added_ns: ns.median - bare.spread().median,
            times_ours: ours
                .filter(|_| whose != OURS)
                .map(|ours| ours.ratio_of(samples, bare)),
            allocations: allocations.get(&case.name).copied(),
            service_size: case.service_size,
            future_size: case.future_size,
            layer,
            path,
            input,
            whose,
            ns,
        })
    };
    let mut rows: Vec<Row> = cases.iter().zip(samples).filter_map(row).collect();
    // What is held against each other stands together, in the order in which it was first named.
    let mut order: Vec<String> = rows.iter().map(Row::what).collect();
    let mut known = std::collections::BTreeSet::new();
    order.retain(|what| known.insert(what.clone()));
    rows.sort_by_key(|row| order.iter().position(|what| *what == row.what()));
    rows
}
