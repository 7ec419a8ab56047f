//! RabbitMQ is killed and started again.

use std::{path::PathBuf, process::Stdio, time::Duration};

use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};
use tower_keep_durable::{
    Bus,
    bus::rabbitmq::{RabbitMq, RabbitMqConfig},
    testing::free_port,
};

use crate::{
    broker::{Broker, is_killed_and_comes_back},
    server::{listens, program},
};

const BUS: &str = "faults";
const PARTITIONS: u32 = 4;

/// A node of the test's own, beside one that may run on this machine: with a folder, ports and an epmd,
/// which knows the names of nodes, of its own.
struct Node {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    /// Of Erlang's distribution, which no node goes without.
    between_nodes: u16,
    epmd_port: u16,
    _epmd: Child,
    process: Option<Child>,
}

impl Node {
    async fn new() -> Option<Self> {
        let program = program("rabbitmq-server", "KEEP_REQUIRE_SERVERS")?;
        let epmd = crate::server::program("epmd", "KEEP_REQUIRE_SERVERS")?;
        let epmd_port = free_port();
        let epmd = Command::new(epmd)
            .args(["-address", "127.0.0.1", "-port"])
            .arg(epmd_port.to_string())
            // It wonders about whoever only looks whether it listens.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        listens(epmd_port).await;
        let mut node = Self {
            program,
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            between_nodes: free_port(),
            epmd_port,
            _epmd: epmd,
            process: None,
        };
        node.start().await;
        Some(node)
    }

    /// RabbitMQ writes down which quorum queues there are a few seconds after it has said that they are
    /// made (`names.dets`). One that it does not find there when it starts again never has a leader, and
    /// nobody but a person can do anything about that.
    async fn knows_its_queues(&self) {
        let file = "mnesia/keep@localhost/quorum/keep@localhost/names.dets";
        let file = self.folder.path().join(file);
        let began = Instant::now();
        for partition in 0..PARTITIONS {
            let queue = format!("{BUS}.notes.{partition}");
            let is_known = || {
                let known = std::fs::read(&file).unwrap_or_default();
                known.windows(queue.len()).any(|at| at == queue.as_bytes())
            };
            while !is_known() {
                assert!(began.elapsed() < Duration::from_secs(60), "{queue}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// The whole group: the script that was started, and the node that it started.
    fn signal(&self) {
        let Some(process) = self.process.as_ref().and_then(Child::id) else {
            return;
        };
        let killed = std::process::Command::new("kill")
            .args(["-KILL", "--", &format!("-{process}")])
            .status();
        assert!(killed.is_ok_and(|status| status.success()));
    }
}

impl Broker for Node {
    async fn kill(&mut self) {
        self.knows_its_queues().await;
        self.signal();
        self.process.take().unwrap().wait().await.unwrap();
    }

    async fn start(&mut self) {
        let at = |name: &str| self.folder.path().join(name);
        let listener = format!("listeners.tcp.default = 127.0.0.1:{}\n", self.port);
        std::fs::write(at("rabbitmq.conf"), listener).unwrap();
        let log = std::fs::File::create(at("server.log")).unwrap();
        let process = Command::new(&self.program)
            // Not what the machine's own node is told.
            .env("RABBITMQ_CONF_ENV_FILE", at("none"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("no_plugins"))
            .env("RABBITMQ_NODENAME", "keep@localhost")
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", at("log"))
            .env("RABBITMQ_DIST_PORT", self.between_nodes.to_string())
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            // Where the cookie is.
            .env("HOME", self.folder.path())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        self.process = Some(process);
        listens(self.port).await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.signal();
    }
}

#[tokio::test]
async fn a_broker_that_is_killed_and_comes_back_loses_nothing() {
    let Some(node) = Node::new().await else {
        return;
    };
    let server = format!("amqp://guest:guest@127.0.0.1:{}", node.port);
    let bus = Bus::new(RabbitMq::new(RabbitMqConfig {
        partitions: PARTITIONS,
        timeout: Duration::from_secs(3),
        ..RabbitMqConfig::new(server, BUS)
    }));
    is_killed_and_comes_back(node, bus).await;
}
