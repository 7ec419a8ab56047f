//! A PostgreSQL of the test's own.

use std::{
    ffi::OsStr,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::process::Command;
use tower_keep_durable::testing::free_port;

use crate::server::{listens, program, run, skip};

/// A PostgreSQL of the test's own, stopped when it is dropped.
pub(crate) struct Cluster {
    bin: PathBuf,
    folder: TempDir,
    port: u16,
    disk: Option<&'static str>,
}

/// Runs a program that sees a file system of its own at `$2`, of the size `$1`. It is gone with the last
/// process that sees it, and nobody else does: any user may do that where namespaces are allowed.
const WITH_DISK: &str = r#"mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@""#;

impl Cluster {
    /// One that runs. None, and a line that says so, where there is no PostgreSQL.
    pub(crate) async fn new() -> Option<Self> {
        Self::open(None).await
    }

    /// One with a small disk beside its folder, of a size such as `16m`. None, too, where nobody may have one.
    pub(crate) async fn with_disk(size: &'static str) -> Option<Self> {
        Self::open(Some(size)).await
    }

    async fn open(disk: Option<&'static str>) -> Option<Self> {
        let bin = program("initdb", "KEEP_REQUIRE_SERVERS")?;
        let bin = bin.parent().unwrap().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let cluster = Self {
            bin,
            folder,
            port: free_port(),
            disk,
        };
        if as_root() {
            // The server refuses to be root's: it is given to somebody else.
            run(shell("chown postgres", cluster.folder.path()), &temp()).await;
            let open = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(cluster.folder.path(), open).unwrap();
        }
        std::fs::create_dir(cluster.disk()).unwrap();
        let can = cluster.with_its_disk("true").output().await.unwrap();
        if !can.status.success() {
            let why = String::from_utf8_lossy(&can.stderr);
            let what = format!("no disk of a test's own can be mounted: {}", why.trim());
            skip(&what, "KEEP_REQUIRE_DISK");
            return None;
        }
        let mut init = cluster.command(cluster.bin.join("initdb"));
        init.args(["--auth=trust", "--username=postgres", "--no-sync", "-D"]);
        init.arg(cluster.data());
        run(init, &temp()).await;
        cluster.start().await;
        Some(cluster)
    }

    /// Where a database of it is.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Where the server sees its small disk.
    pub(crate) fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program, as somebody who is not root.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        if !as_root() {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    }

    /// The same, which sees the small disk if there is one.
    fn with_its_disk(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(size) = self.disk else {
            return self.command(program);
        };
        let mut command = self.command("unshare");
        command.args(["--user", "--map-current-user", "--keep-caps", "--mount"]);
        command.args(["sh", "-c", WITH_DISK, "sh", size]);
        command.arg(self.disk()).arg(program);
        command
    }

    /// Starts it where it was.
    pub(crate) async fn start(&self) {
        let mut start = self.with_its_disk(self.bin.join("pg_ctl"));
        let socket = self.folder.path().display();
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -k {socket}", self.port);
        start.args(["start", "--wait", "-o", &options, "-D"]);
        start.arg(self.data());
        start.arg("-l").arg(self.folder.path().join("server.log"));
        run(start, &temp()).await;
        listens(self.port).await;
    }

    /// As by a power cut: nothing is written down, nobody is asked.
    pub(crate) async fn stop(&self) {
        let mut stop = self.command(self.bin.join("pg_ctl"));
        stop.args(["stop", "-m", "immediate", "--wait", "-D"]);
        stop.arg(self.data());
        run(stop, &temp()).await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.data().join("postmaster.pid"));
        let pid = pid
            .ok()
            .and_then(|text| text.lines().next().map(str::to_owned));
        if let Some(pid) = pid {
            // SIGQUIT: at once, with all its children.
            let _ = std::process::Command::new("kill")
                .args(["-QUIT", &pid])
                .status();
        }
    }
}

fn as_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn temp() -> PathBuf {
    std::env::temp_dir()
}

fn shell(what: &str, path: &Path) -> Command {
    let mut words = what.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).arg(path);
    command
}
