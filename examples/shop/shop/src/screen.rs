//! What the person in front of the screen sees: lines with their time, and one bar below them. When
//! stderr is no terminal there is no bar, only lines.

use std::{fmt::Display, io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

#[derive(Debug, Clone)]
pub(crate) struct Screen {
    started: Instant,
    bar: ProgressBar,
    plain: bool,
}

impl Screen {
    pub(crate) fn new(length: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:30.cyan} {pos}/{len} orders  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let plain = !std::io::stderr().is_terminal();
        let bar = if plain {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(length as u64)
        };
        Self {
            started: Instant::now(),
            bar: bar.with_style(style),
            plain,
        }
    }

    /// How long it has been on.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// One line, above the bar.
    pub(crate) fn line(&self, text: impl Display) {
        let seconds = self.age().as_secs_f64();
        self.bar.suspend(|| say!("{seconds:5.1} s  {text}"));
    }

    /// One order was answered; the bar says how things stand.
    pub(crate) fn answered(&self, counts: &impl Display) {
        self.bar.inc(1);
        self.bar.set_message(counts.to_string());
    }

    /// A line that stands in for the bar where there is none.
    pub(crate) fn instead_of_bar(&self, counts: &impl Display) {
        if self.plain {
            self.line(format!("  so far: {counts}"));
        }
    }

    pub(crate) fn close_bar(&self) {
        self.bar.finish_and_clear();
    }
}
