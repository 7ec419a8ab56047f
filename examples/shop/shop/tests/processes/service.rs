use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// How one service is started.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Its name, as `shop serve` knows it.
    pub(crate) service: &'static str,
    /// Its name in this fleet: that of the service, and of a replica another.
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) arguments: Vec<String>,
}

/// A process, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) plan: Plan,
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts it; what it writes goes on where the process before it ended.
    pub(crate) fn start(plan: Plan, folder: &Path, variables: &[(&str, String)]) -> Self {
        let log = folder.join(format!("{}.log", plan.name));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_shop"))
            .args(["serve", plan.service, "--log", "warn"])
            .args(["--listen", &format!("127.0.0.1:{}", plan.port)])
            .args(&plan.arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { plan, child, log }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.plan.port)
    }

    /// The signal that ended it, if it has ended.
    ///
    /// # Panics
    /// It ended by itself, which no service does.
    pub(crate) fn died(&mut self) -> Option<i32> {
        let status = self.child.try_wait().unwrap()?;
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let signal = status.signal();
        assert!(
            signal.is_some(),
            "{} ended with {status}: {said}",
            self.plan.name
        );
        signal
    }

    /// The lines that it and those before it wrote.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal: SIGKILL, SIGSTOP, SIGCONT.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.unwrap(), signal).unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
