//! Servers of a test's own, which it may kill.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::TcpStream,
    process::Command,
    time::{Instant, sleep},
};

/// Where programs are: those of PostgreSQL are not in the path, and what Debian has there of RabbitMQ
/// changes the user and forgets the environment.
fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![PathBuf::from("/usr/lib/rabbitmq/bin")];
    folders.extend(std::env::split_paths(&path));
    folders.push("/usr/sbin".into());
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter();
    let versions = versions.flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    folders
}

/// Where a program is. Without it the test says that it checks nothing.
///
/// # Panics
/// It is missing although the variable `required` is `1`.
pub(crate) fn program(name: &str, required: &str) -> Option<PathBuf> {
    let found = folders().into_iter().map(|folder| folder.join(name));
    let found = found.into_iter().find(|file| file.is_file());
    if found.is_none() {
        skip(&format!("there is no program {name}"), required);
    }
    found
}

/// Says why a test checks nothing.
///
/// # Panics
/// The variable `required` is `1`.
pub(crate) fn skip(why: &str, required: &str) {
    let must = std::env::var(required).is_ok_and(|value| value == "1");
    assert!(!must, "{why}");
    // Not `eprintln!`: the test harness would swallow the line of a test that passes.
    let _ = std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}

/// Waits until somebody listens.
pub(crate) async fn listens(port: u16) {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "port {port}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Runs a program to its end.
pub(crate) async fn run(mut command: Command, folder: &Path) {
    let log = std::fs::File::create(folder.join("command.log")).unwrap();
    // A file and no pipe: a server that it starts would hold a pipe open.
    command.stdin(std::process::Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log);
    let ended = command.status().await.unwrap();
    let said = || std::fs::read_to_string(folder.join("command.log"));
    assert!(ended.success(), "{command:?}: {:?}", said());
}
