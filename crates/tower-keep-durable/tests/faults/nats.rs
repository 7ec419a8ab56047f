//! NATS is killed and started again.

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tower_keep_durable::{
    Bus,
    bus::nats::{Nats, NatsConfig},
    testing::free_port,
};

use crate::{
    broker::{Broker, is_killed_and_comes_back},
    server::{listens, program},
};

struct Server {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Broker for Server {
    async fn kill(&mut self) {
        self.process.take().unwrap().kill().await.unwrap();
    }

    async fn start(&mut self) {
        let process = Command::new(&self.program)
            .args(["--jetstream", "--addr", "127.0.0.1", "--port"])
            .arg(self.port.to_string())
            .arg("--store_dir")
            .arg(self.folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.process = Some(process);
        listens(self.port).await;
    }
}

#[tokio::test]
async fn a_broker_that_is_killed_and_comes_back_loses_nothing() {
    let Some(program) = program("nats-server", "KEEP_REQUIRE_SERVERS") else {
        return;
    };
    let mut server = Server {
        program,
        folder: tempfile::tempdir().unwrap(),
        port: free_port(),
        process: None,
    };
    server.start().await;
    let bus = Bus::new(Nats::new(NatsConfig {
        lease: Duration::from_secs(3),
        timeout: Duration::from_secs(2),
        ..NatsConfig::new(format!("127.0.0.1:{}", server.port), "faults")
    }));
    is_killed_and_comes_back(server, bus).await;
}
