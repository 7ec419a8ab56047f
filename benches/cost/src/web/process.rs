//! A server is a process of its own, on the first core; who asks is on the last.

use std::{
    env,
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use axum::Router;
use tokio::runtime::Builder;

use crate::timing::{Core, Scheduled, pin};

/// Set in the server's process, to the name of its stack.
const SERVES: &str = "COST_SERVES";

/// A server that lives as long as this.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub port: u16,
}

impl Server {
    /// Starts this program once more as a server.
    ///
    /// # Errors
    ///
    /// If it does not start, or does not say where it listens.
    pub fn start(name: &str) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .env(SERVES, name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let port = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { child, port })
    }

    /// How long it has run, and how long it has waited for its core.
    #[must_use]
    pub fn scheduled(&self) -> Scheduled {
        Scheduled::of(&self.child.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Without its input it ends by itself.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Serves, if this process is a server: until its input ends. Whether it was one.
///
/// # Panics
///
/// If there is no port to listen on.
#[must_use]
pub fn serve(app: fn(&str) -> Router) -> bool {
    let Ok(name) = env::var(SERVES) else {
        return false;
    };
    pin(Core::First);
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a server needs a runtime")
        .block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
            let listener = listener.expect("a port on the loopback");
            let address = listener.local_addr().expect("it listens");
            println!("{}", address.port());
            let serving = axum::serve(listener, app(&name));
            tokio::select! {
                _ = serving => {}
                _ = ended => {}
            }
        });
    true
}
