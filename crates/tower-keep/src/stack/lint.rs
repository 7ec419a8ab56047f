use std::{cmp::Reverse, fmt, time::Duration};

use crate::config::ConfigError;

/// Something that is known to go wrong, with the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lint {
    /// Whether the stack works in spite of it.
    pub severity: Severity,
    /// The rule as one word.
    pub rule: &'static str,
    /// What is wrong, with the numbers.
    pub problem: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// It works, and most likely not as it was meant.
    Warn,
    /// It does not work; no layer is made of it.
    Refuse,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warn => "warning",
            Severity::Refuse => "refused",
        };
        write!(
            f,
            "{severity}: {}: {}; {}",
            self.rule, self.problem, self.remedy
        )
    }
}

/// A stack that no layer is made of: a field is out of range, or lints refuse it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// A field of a layer's configuration is out of range.
    Config(ConfigError),
    /// What is known to go wrong, everything at once.
    Lints(Vec<Lint>),
}

impl From<ConfigError> for Refused {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Lints(lints) => {
                let lints: Vec<_> = lints.iter().map(ToString::to_string).collect();
                f.write_str(&lints.join("\n"))
            }
        }
    }
}

impl std::error::Error for Refused {}

/// The lints that were found so far.
#[derive(Debug, Default)]
pub(super) struct Found(Vec<Lint>);

impl Found {
    pub(super) fn refuse(&mut self, rule: &'static str, remedy: &'static str, problem: String) {
        self.add(Severity::Refuse, rule, remedy, problem);
    }

    pub(super) fn warn(&mut self, rule: &'static str, remedy: &'static str, problem: String) {
        self.add(Severity::Warn, rule, remedy, problem);
    }

    fn add(
        &mut self,
        severity: Severity,
        rule: &'static str,
        remedy: &'static str,
        problem: String,
    ) {
        self.0.push(Lint {
            severity,
            rule,
            problem,
            remedy,
        });
    }

    /// A queue in which calls wait longer than they may take.
    pub(super) fn wait(&mut self, layer: &str, max_wait: Duration, timeout: Option<Duration>) {
        if let Some(timeout) = timeout.filter(|timeout| max_wait >= *timeout) {
            self.refuse(
                "wait_not_below_timeout",
                "give a shorter `max_wait`, so that a call that has waited can still be answered",
                format!("{layer} lets calls wait for {max_wait:?} and the timeout is {timeout:?}"),
            );
        }
    }

    /// A queue so long that its end is never reached in time.
    pub(super) fn queue(&mut self, layer: &str, max_queue: usize, max_concurrent: usize) {
        let most = max_concurrent.saturating_mul(100).max(1000);
        if max_queue > most {
            self.refuse(
                "unbounded_queue",
                "give a queue that is worked off within `max_wait`; as many places as calls run is a \
                 good start",
                format!("{layer} lets {max_queue} calls wait for {max_concurrent} places"),
            );
        }
    }

    /// All of them, the worst first.
    pub(super) fn sorted(mut self) -> Vec<Lint> {
        self.0.sort_by_key(|lint| Reverse(lint.severity));
        self.0
    }
}

/// What refuses the stack, if anything does.
pub(super) fn check(lints: Vec<Lint>) -> Result<(), Refused> {
    let refuse = |lint: &Lint| lint.severity == Severity::Refuse;
    let refused: Vec<_> = lints.into_iter().filter(refuse).collect();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(Refused::Lints(refused))
    }
}
