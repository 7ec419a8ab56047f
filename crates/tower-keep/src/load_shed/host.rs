//! What Linux says about the machine, or the container, that this process runs in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Pressure;

/// The [pressure](Pressure) on the memory or the processors of this machine, read from the files of
/// the Linux kernel.
///
/// Inside a container, that of the container, where the kernel has cgroups of version 2. Where there
/// are no such files, on other systems for one, there is no pressure.
///
/// ```
/// use tower_keep::load_shed::{HostPressure, LoadShedLayer};
///
/// let layer = LoadShedLayer::new(100)
///     .pressure(HostPressure::memory())
///     .pressure(HostPressure::cpu());
/// ```
#[derive(Clone, Debug)]
pub struct HostPressure {
    what: What,
    group: PathBuf,
    proc: PathBuf,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Memory,
    Cpu,
}

impl HostPressure {
    /// The share of the memory that is in use, caches that can be dropped not counted.
    #[must_use]
    pub fn memory() -> Self {
        Self::at(What::Memory, "/sys/fs/cgroup", "/proc")
    }

    /// The share of the last ten seconds in which there was work that waited for a processor (the
    /// kernel's *pressure stall information*). It stays low on a machine that is busy and keeps up.
    #[must_use]
    pub fn cpu() -> Self {
        Self::at(What::Cpu, "/sys/fs/cgroup", "/proc")
    }

    fn at(what: What, group: impl AsRef<Path>, proc: impl AsRef<Path>) -> Self {
        Self {
            what,
            group: group.as_ref().to_owned(),
            proc: proc.as_ref().to_owned(),
        }
    }

    fn memory_used(&self) -> Option<f64> {
        let group = |file: &str| fs::read_to_string(self.group.join(file)).ok();
        let of_group = || {
            // "max" if there is no limit: then that of the machine counts.
            let limit: f64 = group("memory.max")?.trim().parse().ok()?;
            let used: f64 = group("memory.current")?.trim().parse().ok()?;
            let droppable = group("memory.stat").and_then(|stat| field(&stat, "inactive_file"));
            Some((used - droppable.unwrap_or(0.0)) / limit)
        };
        of_group().or_else(|| {
            let info = fs::read_to_string(self.proc.join("meminfo")).ok()?;
            Some(1.0 - field(&info, "MemAvailable:")? / field(&info, "MemTotal:")?)
        })
    }

    fn cpu_waited_for(&self) -> Option<f64> {
        let group = fs::read_to_string(self.group.join("cpu.pressure"));
        let stalls = group.or_else(|_| fs::read_to_string(self.proc.join("pressure/cpu")));
        let stalls = stalls.ok()?;
        let some = stalls.lines().find_map(|line| line.strip_prefix("some "))?;
        let mut parts = some.split_whitespace();
        let percent = parts.find_map(|part| part.strip_prefix("avg10="))?;
        Some(percent.parse::<f64>().ok()? / 100.0)
    }
}

impl Pressure for HostPressure {
    fn pressure(&self) -> f64 {
        match self.what {
            What::Memory => self.memory_used(),
            What::Cpu => self.cpu_waited_for(),
        }
        .unwrap_or(0.0)
    }
}

/// The number behind a name at the start of a line.
fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with(char::is_whitespace).then_some(rest)
    })?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of files that is gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let path = std::env::temp_dir().join(format!("keep-{name}-{}", std::process::id()));
            for (file, text) in files {
                let file = path.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn read(what: What, folder: &Folder) -> f64 {
        HostPressure::at(what, folder.0.join("group"), folder.0.join("proc")).pressure()
    }

    #[test]
    fn the_container_comes_before_the_machine_and_nothing_is_no_pressure() {
        let files = [
            ("group/memory.max", "1000\n"),
            ("group/memory.current", "900\n"),
            ("group/memory.stat", "anon 5\ninactive_file 150\nfile 7\n"),
            (
                "group/cpu.pressure",
                "some avg10=25.00 avg60=4.11 total=1\n",
            ),
            ("proc/meminfo", "MemTotal: 100 kB\nMemAvailable: 40 kB\n"),
            (
                "proc/pressure/cpu",
                "some avg10=50.00 avg60=4 total=1\nfull avg10=0.00\n",
            ),
        ];
        let both = Folder::new("both", &files);
        assert_eq!(read(What::Memory, &both), 0.75);
        assert_eq!(read(What::Cpu, &both), 0.25);

        let machine = Folder::new("machine", &files[4..]);
        assert_eq!(read(What::Memory, &machine), 0.6);
        assert_eq!(read(What::Cpu, &machine), 0.5);

        let unlimited = Folder::new("unlimited", &[("group/memory.max", "max\n"), files[4]]);
        assert_eq!(read(What::Memory, &unlimited), 0.6);

        let garbage = [
            ("proc/meminfo", "MemTotal: many\n"),
            ("proc/pressure/cpu", "some\n"),
        ];
        let garbage = Folder::new("garbage", &garbage);
        for what in [What::Memory, What::Cpu] {
            assert_eq!(read(what, &garbage), 0.0);
            assert_eq!(read(what, &Folder(PathBuf::from("/nowhere"))), 0.0);
        }
    }
}
