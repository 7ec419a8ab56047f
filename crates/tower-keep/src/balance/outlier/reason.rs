use std::fmt;

/// Why an endpoint was ejected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::balance) enum Reason {
    /// So many failures in a row.
    InARow(u32),
    /// So many failures in a row on our side.
    LocalInARow(u32),
    /// Its rate of success is too far below the mean of all.
    Below { rate: f64, mean: f64 },
    /// Too large a share of its calls failed.
    Share(f64),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InARow(n) => write!(f, "{n} failures in a row"),
            Self::LocalInARow(n) => write!(f, "{n} failures in a row on our side"),
            Self::Below { rate, mean } => write!(
                f,
                "{:.1} % of calls succeed, {:.1} % on average",
                rate * 100.0,
                mean * 100.0
            ),
            Self::Share(share) => write!(f, "{:.1} % of calls fail", share * 100.0),
        }
    }
}
