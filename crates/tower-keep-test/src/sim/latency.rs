use std::time::Duration;

use super::Random;

/// How long something takes, by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency(Shape);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Fixed(f64),
    Uniform(f64, f64),
    Exponential(f64),
    LogNormal { mu: f64, sigma: f64 },
}

impl Latency {
    /// Always the same.
    #[must_use]
    pub const fn fixed(time: Duration) -> Self {
        Self(Shape::Fixed(seconds(time)))
    }

    /// Anything from `least` to `most`.
    #[must_use]
    pub const fn uniform(least: Duration, most: Duration) -> Self {
        Self(Shape::Uniform(seconds(least), seconds(most)))
    }

    /// Mostly short, sometimes long: the service time of the textbook.
    #[must_use]
    pub const fn exponential(mean: Duration) -> Self {
        Self(Shape::Exponential(seconds(mean)))
    }

    /// What real services look like: half of the calls below `median`, one in a hundred above `p99`.
    #[must_use]
    pub fn log_normal(median: Duration, p99: Duration) -> Self {
        let (median, p99) = (median.as_secs_f64(), p99.as_secs_f64());
        // 2.326 standard deviations are the 99th percentile.
        let sigma = (p99 / median).ln() / 2.326;
        Self(Shape::LogNormal {
            mu: median.ln(),
            sigma,
        })
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let mean = match self.0 {
            Shape::Fixed(time) => time,
            Shape::Uniform(least, most) => f64::midpoint(least, most),
            Shape::Exponential(mean) => mean,
            Shape::LogNormal { mu, sigma } => (mu + sigma * sigma / 2.0).exp(),
        };
        Duration::from_secs_f64(mean)
    }

    /// One of them.
    pub fn draw(&self, random: &mut Random) -> Duration {
        let time = match self.0 {
            Shape::Fixed(time) => time,
            Shape::Uniform(least, most) => least + (most - least) * random.unit(),
            Shape::Exponential(mean) => -mean * (1.0 - random.unit()).ln(),
            Shape::LogNormal { mu, sigma } => (mu + sigma * random.normal()).exp(),
        };
        Duration::from_secs_f64(time.max(0.0))
    }
}

const fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
