//! The database is stopped as by a power cut, and started again.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::process::Command;
use tower_keep_durable::{
    Bus, Db,
    bus::table::{self, TableConfig},
    testing::free_port,
};

use crate::{
    server::{listens, program, run},
    shop::{SCHEMAS, Shop},
};

/// A PostgreSQL of the test's own.
struct Server {
    bin: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Server {
    async fn new() -> Option<Self> {
        let bin = program("initdb", "KEEP_REQUIRE_SERVERS")?;
        let bin = bin.parent().unwrap().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let server = Self {
            bin,
            folder,
            port: free_port(),
        };
        if as_root() {
            // The server refuses to be root's: it is given to somebody else.
            run(shell("chown postgres", server.folder.path()), &temp()).await;
            let open = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(server.folder.path(), open).unwrap();
        }
        let data = server.data();
        let mut init = server.command("initdb");
        init.args(["--auth=trust", "--username=postgres", "--no-sync", "-D"]);
        init.arg(&data);
        run(init, &temp()).await;
        server.start().await;
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL, as somebody who is not root.
    fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        if !as_root() {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    }

    async fn start(&self) {
        let mut start = self.command("pg_ctl");
        let socket = self.folder.path().display();
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -k {socket}", self.port);
        start.args(["start", "--wait", "-o", &options, "-D"]);
        start.arg(self.data());
        start.arg("-l").arg(self.folder.path().join("server.log"));
        run(start, &temp()).await;
        listens(self.port).await;
    }

    /// As by a power cut: nothing is written down, nobody is asked.
    async fn stop(&self) {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "-m", "immediate", "--wait", "-D"]);
        stop.arg(self.data());
        run(stop, &temp()).await;
    }
}

impl Drop for Server {
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

#[tokio::test]
async fn a_database_that_is_stopped_at_once_and_comes_back_loses_nothing() {
    let Some(server) = Server::new().await else {
        return;
    };
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port);
    let db = Db::open(&url, &SCHEMAS).await.unwrap();
    db.migrate(&[table::SCHEMA]).await.unwrap();
    let config = TableConfig {
        lease: std::time::Duration::from_secs(3),
        ..TableConfig::default()
    };
    let bus = Bus::table(&db, config).await.unwrap();
    let mut shop = Shop::start(db, bus).await;
    shop.work("place-order/v1");
    let mut failures = 0;
    for round in 0..2 {
        for _ in 0..8 {
            failures += shop.order("place-order/v1").await;
        }
        // In the middle of sagas, the outbox and the consumer.
        shop.until_handled(round * 9 + 2).await;
        server.stop().await;
        let refused = shop.try_order("refused", "place-order/v1", "").await;
        assert!(refused.is_err(), "who orders is told at once");
        assert!(
            shop.bus.ping().await.is_err(),
            "it says that it is not ready"
        );
        // Somebody orders while it comes back.
        let (again, ()) = tokio::join!(shop.order("place-order/v1"), server.start());
        failures += again;
    }
    for _ in 0..4 {
        failures += shop.order("place-order/v1").await;
    }
    shop.settle().await;
    println!("{failures} orders were asked for again");
}
