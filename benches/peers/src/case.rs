//! A situation, and who is put into it.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tokio::{runtime::Builder, time::timeout};

/// What was seen, and whether that is what one wants.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// It did what one wants.
    pub holds: bool,
    /// In a few words.
    pub saw: String,
}

impl Outcome {
    pub(crate) fn new(holds: bool, saw: impl fmt::Display) -> Self {
        Self {
            holds,
            saw: saw.to_string(),
        }
    }
}

/// Somebody else's crate in the situation.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The package, as the lock file names it.
    pub package: &'static str,
    /// Drives it, or says why it cannot be driven.
    pub run: Result<fn() -> Outcome, &'static str>,
}

/// Tower-keep in the situation.
#[derive(Clone, Copy, Debug)]
pub enum Ours {
    /// Drives it.
    Run(fn() -> Outcome),
    /// Drives it, and it is known not to hold; why.
    Known(fn() -> Outcome, &'static str),
    /// Why there is nothing to drive.
    NotRun(&'static str),
}

/// A situation.
#[derive(Clone, Debug)]
pub struct Case {
    /// `W1`; a letter behind it if there is more than one to the same weakness.
    pub id: &'static str,
    /// In one line.
    pub situation: &'static str,
    /// Who fails in it, or is said to.
    pub peers: &'static [Peer],
    /// How we do.
    pub ours: Ours,
}

impl Case {
    /// `E2` before `E10`, `E` before `W`.
    pub(crate) fn order(&self) -> (char, u32, &'static str) {
        let number = self.id[1..].trim_end_matches(|c: char| !c.is_ascii_digit());
        let number = number.parse().expect("an id is a letter and a number");
        (self.id.as_bytes()[0].into(), number, self.id)
    }

    /// Runs everybody; fails if ours does not hold.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        for peer in self.peers {
            match peer.run() {
                Ok(outcome) => println!("{} {}: {outcome:?}", self.id, peer.package),
                Err(why) => println!("{} {}: not run: {why}", self.id, peer.package),
            }
        }
        if let Ours::Run(run) = self.ours {
            let ours = run();
            println!("{} tower-keep: {ours:?}", self.id);
            assert!(ours.holds, "{}: {}: {}", self.id, self.situation, ours.saw);
        }
    }
}

impl Peer {
    /// A peer that panics is one that did not hold.
    pub(crate) fn run(&self) -> Result<Outcome, &'static str> {
        let run = self.run?;
        let outcome = catch_unwind(AssertUnwindSafe(run));
        Ok(outcome.unwrap_or_else(|panic| Outcome::new(false, panicked(&*panic))))
    }
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("with no text"))
}

/// Runs it in paused time: an hour is over at once. What still waits after a day hangs.
pub(crate) fn paused(side: impl Future<Output = Outcome>) -> Outcome {
    run(true, Duration::from_secs(24 * 3600), side)
}

/// Runs it in the time of the clock: for sockets, and for peers that ask the operating system.
pub(crate) fn real(side: impl Future<Output = Outcome>) -> Outcome {
    run(false, Duration::from_secs(20), side)
}

fn run(paused: bool, limit: Duration, side: impl Future<Output = Outcome>) -> Outcome {
    // Our jitter is the same in each run.
    fastrand::seed(1);
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build();
    runtime.expect("a runtime can be made").block_on(async {
        let outcome = timeout(limit, side).await;
        outcome.unwrap_or_else(|_| Outcome::new(false, "hangs for ever"))
    })
}

/// A situation, as a case and as a test by its name.
///
/// Each side is an `async fn() -> Outcome`, run in `paused` or `real` time, or `not_run` and why.
macro_rules! situation {
    (
        $name:ident: $id:literal, $situation:literal;
        $(peer $package:literal => $how:ident ($($side:tt)+);)*
        ours => $ours:ident ($($our_side:tt)+);
    ) => {
        pub(crate) mod $name {
            #[allow(unused_imports, reason = "what is not run needs nothing")]
            use super::*;

            pub(crate) fn case() -> crate::case::Case {
                crate::case::Case {
                    id: $id,
                    situation: $situation,
                    peers: &[$(crate::case::Peer {
                        package: $package,
                        run: crate::case::situation!(@peer $how ($($side)+)),
                    }),*],
                    ours: crate::case::situation!(@ours $ours ($($our_side)+)),
                }
            }

            #[test]
            fn holds() {
                case().check();
            }
        }
    };
    (@peer not_run ($why:literal)) => { Err($why) };
    (@peer $how:ident ($side:expr)) => { Ok(|| crate::case::$how(($side)())) };
    (@ours not_run ($why:literal)) => { crate::case::Ours::NotRun($why) };
    (@ours known ($side:expr, $why:literal)) => {
        crate::case::Ours::Known(|| crate::case::real(($side)()), $why)
    };
    (@ours $how:ident ($side:expr)) => { crate::case::Ours::Run(|| crate::case::$how(($side)())) };
}
pub(crate) use situation;
