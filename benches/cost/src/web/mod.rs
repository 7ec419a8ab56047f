//! An axum hello world behind stacks of layers: as a server of its own, and without any network.

mod apps;
mod client;
mod process;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::duplex,
    runtime::Builder,
    task::{LocalSet, spawn_local},
};

use crate::{Cases, Expect, Outcome};

pub use self::{
    apps::{APPS, app, our_app},
    client::{Load, load},
    process::{Server, serve},
};

/// The stacks, for valgrind: requests through hyper's HTTP/1 over a pipe in memory. Reader and writer
/// are the same for all, so the differences are the stacks'.
pub fn add(cases: &mut Cases, whose: &[&'static str], app: fn(&str) -> Router) {
    for &name in whose {
        cases.calls(format!("axum/{name}/http1"), Expect::Good, move || {
            in_memory(app(name))
        });
    }
}

/// Makes requests, one after the other, on a connection that stays.
fn in_memory(app: Router) -> impl FnMut(u64) -> Outcome + 'static {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without sockets needs nothing");
    let tasks = LocalSet::new();
    let (here, there) = duplex(64 * 1024);
    let service = TowerToHyperService::new(app);
    let mut connection = client::Connection::new(here);
    tasks.block_on(&runtime, async {
        spawn_local(http1::Builder::new().serve_connection(TokioIo::new(there), service));
    });
    move |requests| {
        tasks.block_on(&runtime, async {
            let mut outcome = Outcome::default();
            for _ in 0..requests {
                match connection.request().await {
                    Ok(true) => outcome.good += 1,
                    _ => outcome.bad += 1,
                }
            }
            outcome
        })
    }
}
