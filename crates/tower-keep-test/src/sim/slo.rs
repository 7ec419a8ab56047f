use std::{fmt, fmt::Write, time::Duration};

use super::Report;

/// Asserts that a measure of a [`Report`](crate::sim::Report) keeps a bound, and explains itself if not:
/// which number, which bound, what happened when, and the seed that replays it.
///
/// ```
/// # use std::time::Duration;
/// # use tower_keep_test::{assert_slo, sim::{Customers, Latency, Load, Sim, Upstream}};
/// let report = Sim::new("a quiet day", 1)
///     .customers(Customers::new("all", Load::steady(20.0)))
///     .run(|world| {
///         let work = Latency::fixed(Duration::from_millis(50));
///         vec![Upstream::new("orders", 10, work).open(world)]
///     });
/// assert_slo!(report, amplification() <= 1.0);
/// assert_slo!(report, p99(report.all()) < Duration::from_millis(60));
/// assert_slo!(report, good_share(report.all()) >= 1.0);
/// ```
///
/// # Panics
/// If the bound is not kept.
#[macro_export]
macro_rules! assert_slo {
    ($report:expr, $measure:ident($($of:expr),*) <= $bound:expr) => {
        $crate::assert_slo!(@ $report, $measure($($of),*), <=, $bound)
    };
    ($report:expr, $measure:ident($($of:expr),*) < $bound:expr) => {
        $crate::assert_slo!(@ $report, $measure($($of),*), <, $bound)
    };
    ($report:expr, $measure:ident($($of:expr),*) >= $bound:expr) => {
        $crate::assert_slo!(@ $report, $measure($($of),*), >=, $bound)
    };
    ($report:expr, $measure:ident($($of:expr),*) > $bound:expr) => {
        $crate::assert_slo!(@ $report, $measure($($of),*), >, $bound)
    };
    (@ $report:expr, $measure:ident($($of:expr),*), $is:tt, $bound:expr) => {{
        let (value, bound) = ($report.$measure($($of),*), $bound);
        if !(value $is bound) {
            let measure = concat!(stringify!($measure), "(", stringify!($($of),*), ")");
            panic!("{}", $report.miss(measure, &value, concat!("must be ", stringify!($is)), &bound));
        }
    }};
}

/// A number that is measured: one that can be read out.
pub trait Measured {
    /// For people.
    fn read_out(&self) -> String;
}

impl Measured for Duration {
    fn read_out(&self) -> String {
        match *self {
            Self::MAX => "never".to_owned(),
            Self::ZERO => "0s".to_owned(),
            time => format!("{time:?}"),
        }
    }
}

impl Measured for f64 {
    fn read_out(&self) -> String {
        format!("{self:.3}")
    }
}

impl Measured for usize {
    fn read_out(&self) -> String {
        self.to_string()
    }
}

impl Report {
    /// What [`assert_slo!`](crate::assert_slo) says when a bound is missed.
    pub fn miss(
        &self,
        measure: &str,
        value: &dyn Measured,
        relation: &str,
        bound: &dyn Measured,
    ) -> String {
        format!(
            "\"{}\": {measure} is {}, {relation} {}\nreplay it with SIM_SEED={}\n{self}",
            self.name,
            value.read_out(),
            bound.read_out(),
            self.seed,
        )
    }
}

/// The measures, and a table of what happened when.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.all();
        writeln!(
            f,
            "{} calls in {:?}, {} good: p50 {:?}, p99 {:?}; {:.2} upstream for each, {:.0} % of the work for nobody",
            self.offered(all.clone()),
            self.lasting,
            self.ended(super::End::Good, all.clone()),
            self.p50(all.clone()),
            self.p99(all),
            self.amplification(),
            100.0 * self.wasted(),
        )?;
        let fault = &self.fault;
        if fault.start < fault.end {
            writeln!(
                f,
                "trouble from {:?} to {:?}: protected after {}, recovered after {}",
                fault.start,
                fault.end,
                self.time_to_protect().read_out(),
                self.time_to_recover().read_out(),
            )?;
        }
        f.write_str("      from  offered     good   failed  gave up     sent")?;
        let step = Duration::from_secs_f64((self.lasting.as_secs_f64() / 30.0).ceil().max(1.0));
        for at in self.series(step) {
            f.write_char('\n')?;
            write!(
                f,
                "{:>10} {:>8} {:>8} {:>8} {:>8} {:>8}",
                format!("{:?}", at.from),
                at.offered,
                at.good,
                at.failed,
                at.gave_up,
                at.sent
            )?;
        }
        Ok(())
    }
}
