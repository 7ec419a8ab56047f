//! The broker is killed and started again.

use std::{path::Path, time::Duration};

use tokio::process::{Child, Command};
use tower_keep_durable::{
    Bus,
    bus::nats::{Nats, NatsConfig},
    testing::{TestDb, free_port},
};

use crate::{
    server::{listens, program},
    shop::{SCHEMAS, Shop},
};

async fn start(program: &Path, folder: &Path, port: u16) -> Child {
    let server = Command::new(program)
        .args(["--jetstream", "--addr", "127.0.0.1", "--port"])
        .arg(port.to_string())
        .arg("--store_dir")
        .arg(folder)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    listens(port).await;
    server
}

#[tokio::test]
async fn a_broker_that_is_killed_and_comes_back_loses_nothing() {
    let Some(program) = program("nats-server", "KEEP_REQUIRE_SERVERS") else {
        return;
    };
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut server = start(&program, folder.path(), port).await;
    let bus = Bus::new(Nats::new(NatsConfig {
        lease: Duration::from_secs(3),
        timeout: Duration::from_secs(2),
        ..NatsConfig::new(format!("127.0.0.1:{port}"), "faults")
    }));
    let file = TestDb::sqlite(&SCHEMAS).await;
    let mut shop = Shop::start(file.db.clone(), bus).await;
    shop.work("place-order/v1");
    for _ in 0..5 {
        shop.order("place-order/v1").await;
    }
    shop.until_handled(2).await;
    // In the middle: some are on the bus, some in the outbox, some in neither.
    server.kill().await.unwrap();
    for _ in 0..5 {
        // Nobody who orders notices.
        assert_eq!(shop.order("place-order/v1").await, 0);
    }
    assert!(
        shop.bus.ping().await.is_err(),
        "it says that it is not ready"
    );
    while shop.outbox.backlog().await.unwrap().unsent < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _server = start(&program, folder.path(), port).await;
    shop.settle().await;
}
