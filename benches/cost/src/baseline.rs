//! Numbers that are committed, and what has become of them.

use std::{collections::BTreeMap, fs, path::PathBuf};

/// How much more than the baseline is too much.
const TOLERANCE: f64 = 0.03;

/// The same for a whole server, whose hash maps and buffers are seeded and sized by chance: one run
/// was seen 4 % above another of the same program.
const TOLERANCE_OF_SERVERS: f64 = 0.06;

fn tolerance(name: &str) -> f64 {
    if name.starts_with("axum/") {
        TOLERANCE_OF_SERVERS
    } else {
        TOLERANCE
    }
}

/// Less than this is no change in anything, however small the number.
const STEP: f64 = 1.0;

/// A file with a name and a number in each line.
#[derive(Debug)]
pub struct Baseline {
    path: PathBuf,
    head: &'static str,
    numbers: BTreeMap<String, f64>,
}

impl Baseline {
    /// Reads a file, which may not be there yet.
    ///
    /// # Panics
    ///
    /// If a line is not what [`bless`](Self::bless) writes.
    #[must_use]
    pub fn read(path: PathBuf, head: &'static str) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let numbers = text.lines().skip(1).map(|line| {
            let (name, number) = line.split_once('\t').expect("a name, a tab, a number");
            (name.to_owned(), number.parse().expect("a number"))
        });
        Self {
            numbers: numbers.collect(),
            path,
            head,
        }
    }

    /// The number of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    /// What is worse than it was, in words; none is good.
    #[must_use]
    pub fn worse(&self, now: &[(String, f64)]) -> Vec<String> {
        now.iter()
            .filter_map(|(name, now)| match self.get(name) {
                None => Some(format!("{name}: {now}, and the baseline does not know it")),
                Some(was) if *now > was + (was * tolerance(name)).max(STEP) => Some(format!(
                    "{name}: {was} -> {now}, {:+.1} %",
                    (now / was - 1.0) * 100.0
                )),
                Some(_) => None,
            })
            .collect()
    }

    /// What has become so much better that the baseline should follow.
    #[must_use]
    pub fn better(&self, now: &[(String, f64)]) -> usize {
        now.iter()
            .filter(|(name, now)| {
                self.get(name)
                    .is_some_and(|was| *now < was - (was * tolerance(name)).max(STEP))
            })
            .count()
    }

    /// Names of the baseline that are not measured any more.
    #[must_use]
    pub fn gone(&self, now: &[(String, f64)]) -> Vec<String> {
        self.numbers
            .keys()
            .filter(|name| now.iter().all(|(now, _)| now != *name))
            .map(|name| format!("{name}: in the baseline, and no case"))
            .collect()
    }

    /// Takes these numbers over; `all` forgets the others.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn bless(mut self, now: &[(String, f64)], all: bool) -> std::io::Result<()> {
        if all {
            self.numbers.clear();
        }
        self.numbers.extend(now.iter().cloned());
        let mut text = format!("{}\n", self.head);
        for (name, number) in &self.numbers {
            text.push_str(&format!("{name}\t{number}\n"));
        }
        fs::write(self.path, text)
    }
}
