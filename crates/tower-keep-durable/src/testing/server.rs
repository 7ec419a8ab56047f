use std::{env, io::Write};

use tokio::net::TcpStream;

/// Whether a server answers at `address`. Where none does it prints one visible line, since the test
/// that asked will check nothing.
///
/// # Panics
/// None answers although the variable `required` is `1`, which says that one must.
pub async fn server_answers(name: &str, address: &str, required: &str) -> bool {
    let Err(error) = TcpStream::connect(address).await else {
        return true;
    };
    let must = env::var(required).is_ok_and(|value| value == "1");
    assert!(!must, "no {name} answers on {address}: {error}");
    // Not `eprintln!`: the test harness would swallow the line of a test that passes.
    let skipped = format!("SKIPPED: no {name} answers on {address}\n");
    let _ = std::io::stderr().write_all(skipped.as_bytes());
    false
}
