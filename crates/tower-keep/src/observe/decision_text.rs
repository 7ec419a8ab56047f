//! A decision for people: as a line, and as a header.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use super::{Decision, decision::Entry};

impl fmt::Display for Decision {
    /// One line: `answered in 63ms, 2 attempts | +0ns bulkhead api: call admitted after 0ns | ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ending() {
            Some(ending) => write!(f, "{} in {:?}", ending.as_str(), self.elapsed())?,
            None => write!(f, "running for {:?}", self.elapsed())?,
        }
        if let Some(rejection) = self.rejection() {
            write!(f, ", rejected by {rejection}")?;
        }
        match self.attempts() {
            1 => {}
            attempts => write!(f, ", {attempts} attempts")?,
        }
        if let Some(left) = self.deadline_left() {
            write!(f, ", {left:?} left")?;
        }
        for entry in self.entries() {
            write!(f, " | {entry}")?;
        }
        match self.omitted() {
            0 => Ok(()),
            more => write!(f, " | and {more} more"),
        }
    }
}

impl fmt::Display for Entry {
    /// `+50ms circuit_breaker payments #2: circuit open`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:?} {}", self.at, self.layer)?;
        if !self.name().is_empty() {
            write!(f, " {}", self.name())?;
        }
        if let Some(attempt) = self.attempt {
            write!(f, " #{attempt}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decision({self})")
    }
}

impl Decision {
    /// The decision so far as the value of a `Server-Timing` header: how long until now and in queues
    /// in milliseconds, and as descriptions attempts, breaker, deadline, fallback, cache and refusal.
    #[must_use]
    pub fn to_server_timing(&self) -> String {
        let mut value = format!("total;dur={}", millis(self.elapsed()));
        let queued = self.queued();
        if !queued.is_zero() {
            timed(&mut value, "queue", queued);
        }
        if self.attempts() > 1 {
            described(&mut value, "attempts", &self.attempts().to_string());
        }
        if let Some(left) = self.deadline_left() {
            timed(&mut value, "deadline-left", left);
        }
        if let Some(left) = self.budget_left() {
            described(&mut value, "retry-budget", &format!("{left:.0}"));
        }
        let words = [
            ("breaker", self.breaker_state()),
            ("fallback", self.fallback()),
            ("cache", self.reused()),
        ];
        for (name, word) in words {
            if let Some(word) = word {
                described(&mut value, name, word);
            }
        }
        if let Some(rejection) = self.rejection() {
            described(&mut value, "rejected", &rejection.to_string());
        }
        value
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn timed(value: &mut String, name: &str, time: Duration) {
    write!(value, ", {name};dur={}", millis(time)).expect("a string takes every write");
}

/// Names of layers are the user's: nothing in them must end the quotes or the header.
fn described(value: &mut String, name: &str, text: &str) {
    write!(value, ", {name};desc=\"").expect("a string takes every write");
    value.extend(text.chars().map(|c| match c {
        ' '..='~' if c != '"' && c != '\\' => c,
        '"' => '\'',
        _ => '?',
    }));
    value.push('"');
}
