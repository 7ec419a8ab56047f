//! Cargo unites the features of all packages that it builds at once, and our tests need tokio's
//! `test-util`: built together with them, a bench measures layers that ask a clock that can be paused.

use std::{
    env,
    process::{Command, ExitCode},
};

use tokio::runtime::Builder;

/// Runs `bench`, in a build without `test-util`: if this one has it, in a run of cargo of its own.
pub fn without_test_util(name: &str, bench: impl FnOnce() -> ExitCode) -> ExitCode {
    if !has_test_util() || env::args().all(|argument| argument != "--bench") {
        return bench();
    }
    eprintln!("built with the tests' features: once more as cargo bench -p cost --bench {name}");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let ended = Command::new(cargo)
        .args(["bench", "-p", "cost", "--bench", name, "--"])
        .args(arguments)
        .status();
    match ended {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Without the feature the runtime's builder has no `start_paused`, and ours is found.
fn has_test_util() -> bool {
    Builder::new_current_thread()
        .start_paused(false)
        .is_builder()
}

#[allow(dead_code, reason = "with the feature tokio's own is found")]
trait Otherwise {
    fn start_paused(&mut self, paused: bool) -> Nothing;
}

#[allow(dead_code, reason = "with the feature tokio's own is found")]
struct Nothing;

impl Otherwise for Builder {
    fn start_paused(&mut self, _: bool) -> Nothing {
        Nothing
    }
}

trait Found {
    fn is_builder(&self) -> bool;
}

impl Found for Builder {
    fn is_builder(&self) -> bool {
        true
    }
}

impl Found for Nothing {
    fn is_builder(&self) -> bool {
        false
    }
}
