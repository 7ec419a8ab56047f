//! `shop serve` from outside: probes, and how it goes on SIGTERM.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where its shop breaks")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// A running `shop serve`, killed when it is dropped.
struct Serving {
    child: Child,
    _data: TempDir,
    /// Where the order service listens.
    orders: String,
}

impl Serving {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_shop"))
            .args(["serve", "--data", data.path().to_str().unwrap()])
            .args([
                "--orders-port",
                "0",
                "--payments-port",
                "0",
                "--inventory-port",
                "0",
                "--shipping-port",
                "0",
                "--notifications-port",
                "0",
                "--views-port",
                "0",
                "--cards-port",
                "0",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let orders = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((before, _)) = line.split_once("/health") {
                break before.rsplit_once("http://").unwrap().1.to_owned();
            }
        };
        // Whoever writes to a pipe that nobody reads ends badly.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            _data: data,
            orders,
        }
    }

    /// The status of an answer, or none if nobody listens any more.
    async fn get(&self, path: &str) -> Option<u16> {
        let (address, path) = (self.orders.clone(), path.to_owned());
        spawn_blocking(move || {
            let mut stream = TcpStream::connect(&address).ok()?;
            write!(
                stream,
                "GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n"
            )
            .ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            answer.split(' ').nth(1)?.parse().ok()
        })
        .await
        .unwrap()
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        // The shell's own `kill`: not every system has one as a program.
        let kill = format!("kill -TERM {pid}");
        let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(sent.success());
    }

    async fn ended(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A generous time for everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn it_drains_on_sigterm_and_exits_with_zero() {
    let mut shop = Serving::start();
    let ready = async {
        while shop.get("/readyz").await != Some(200) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, ready).await.unwrap();

    shop.terminate();
    let draining = async {
        loop {
            match shop.get("/readyz").await {
                Some(200) => sleep(Duration::from_millis(5)).await,
                other => return other,
            }
        }
    };
    let draining = timeout(PATIENCE, draining).await.unwrap();
    assert_eq!(draining, Some(503), "load balancers look away first");
    let orders = "/orders?customer=cus_anna";
    assert_eq!(
        shop.get(orders).await,
        Some(200),
        "what still comes is served"
    );

    let status = timeout(PATIENCE, shop.ended()).await.unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(shop.get("/livez").await, None, "the port is closed");
}
