use std::time::Duration;

use super::Sample;

/// What a call takes that need not wait, measured anew all the time: a moving average of the windows'
/// latencies, so one odd window moves it by a share and is forgotten by the same share.
///
/// It does not rise with the latency that too many calls cause: then every overload would become the
/// new normal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Baseline {
    seconds: Option<f64>,
    weight: f64,
}

impl Baseline {
    pub(super) fn new(age: u32, known: Option<Duration>) -> Self {
        Self {
            seconds: known.map(|known| known.as_secs_f64()),
            weight: 1.0 / f64::from(age.max(1)),
        }
    }

    /// Takes a window in; the baseline in seconds after it, if any latency was ever seen.
    pub(super) fn update(&mut self, sample: &Sample) -> Option<f64> {
        if sample.calls == 0 {
            return self.seconds;
        }
        let latency = sample.latency.as_secs_f64();
        let Some(seconds) = self.seconds else {
            self.seconds = Some(latency);
            return self.seconds;
        };
        let self_made = sample.is_saturated || sample.is_dropping;
        if latency < seconds || !self_made {
            self.seconds = Some(seconds + self.weight * (latency - seconds));
        }
        self.seconds
    }

    pub(super) fn known(&self) -> Option<Duration> {
        self.seconds.map(Duration::from_secs_f64)
    }
}
