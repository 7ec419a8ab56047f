//! The binary of the order service.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use axum::body::Body;
use http::{Method, Request};
use serde_json::Value;
use shop_kit::db::file_url;
use tokio::sync::mpsc;

use crate::shop::{Caller, Shop, id, order};

/// A running binary, killed when it is dropped.
struct Process {
    child: Child,
    log: mpsc::UnboundedReceiver<Value>,
    caller: Caller,
}

impl Process {
    /// Starts it beside the peers of `shop`, on a database of its own.
    async fn start(shop: &Shop) -> Self {
        let (inventory, payments) = (shop.inventory.address(), shop.payments_at);
        let mut child = Command::new(env!("CARGO_BIN_EXE_orders"))
            .args(["--listen", "127.0.0.1:0"])
            .args(["--db", &file_url(&shop.folder.path().join("process.db"))])
            .args(["--inventory", &format!("http://{inventory}")])
            .args(["--payments", &format!("http://{payments}")])
            .args(["--shipping", &format!("http://{}", shop.shipping.address())])
            .args(["--bus", &file_url(&shop.folder.path().join("bus.db"))])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, mut log) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
                let _ = sender.send(line);
            }
        });
        let address = loop {
            let line: Value = log.recv().await.unwrap();
            if line["message"] == "orders listens" {
                break line["address"].as_str().unwrap().parse().unwrap();
            }
        };
        Self {
            child,
            log,
            caller: Caller::new(address),
        }
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_killed_process_leaves_orders_that_the_next_one_finishes() {
    let mut shop = Shop::open().await;
    shop.kill_payments().await;
    let mut process = Process::start(&shop).await;
    let tea = order("cus_anna", "tea", 1).to_string();
    let mut pending = Vec::new();
    for key in ["k0", "k1", "k2"] {
        let reply = process
            .caller
            .send(Method::POST, "/orders", Some(key), &tea)
            .await;
        assert_eq!(reply.status, 202);
        pending.push(id(&reply));
    }
    process.kill();
    shop.restart_payments().await;
    assert_eq!(shop.account("cus_anna").await.2, 0);

    let next = Process::start(&shop).await;
    for id in &pending {
        next.caller.settles(id, "completed").await;
    }
    assert_eq!(shop.account("cus_anna").await.2, 3);
    // The key still has the answer that the killed process gave.
    let again = next
        .caller
        .send(Method::POST, "/orders", Some("k0"), &tea)
        .await;
    assert_eq!((again.status.as_u16(), &id(&again)), (202, &pending[0]));
}

#[tokio::test]
async fn log_lines_are_json_with_the_correlation_id_of_the_request() {
    let mut shop = Shop::open().await;
    shop.kill_payments().await;
    let mut process = Process::start(&shop).await;
    let request = Request::post(process.caller.url("/orders"))
        .header("idempotency-key", "k")
        .header("content-type", "application/json")
        .header("x-correlation-id", "complaint-18");
    let body = Body::from(order("cus_anna", "tea", 1).to_string());
    let reply = process.caller.ask(request.body(body).unwrap()).await;
    assert_eq!(reply.status, 202);
    let line = loop {
        let line = process.log.recv().await.unwrap();
        if line["message"] == "order answered" {
            break line;
        }
    };
    assert_eq!(line["order"], id(&reply), "{line}");
    assert_eq!(line["spans"][0]["correlation_id"], "complaint-18", "{line}");
}
