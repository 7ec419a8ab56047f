//! The command line of the shop from outside: mistakes are one clear line and a non-zero exit.

use std::{
    net::TcpListener,
    process::{Command, Output},
};

fn shop(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shop"))
        .args(arguments)
        .output()
        .expect("the binary starts")
}

fn assert_one_line(arguments: &[&str], said: &str) {
    let output = shop(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains(said), "{error}");
}

#[test]
fn an_unknown_option_is_named() {
    assert_one_line(&["--color"], "unexpected argument '--color'");
    assert_one_line(&["sell"], "unrecognized subcommand 'sell'");
    assert_one_line(&["--orders-port", "seventy"], "invalid value 'seventy'");
    assert_one_line(&["--log", "==="], "--log: `===` is not a filter");
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let data = tempfile::tempdir().expect("a temp folder");
    let data = data.path().to_str().expect("plain ASCII");
    let port_text = port.to_string();
    assert_one_line(
        &["--data", data, "--payments-port", &port_text],
        &format!("cannot listen on 127.0.0.1:{port}"),
    );
}

#[test]
fn a_folder_and_a_database_that_cannot_be_used_are_named() {
    assert_one_line(
        &["--data", "/dev/null/shop"],
        "cannot use the data folder /dev/null/shop",
    );
    let data = tempfile::tempdir().expect("a temp folder");
    let data = data.path().to_str().expect("plain ASCII");
    assert_one_line(
        &["--data", data, "--orders-db", "mysql://me:secret@db/orders"],
        "mysql://db/orders",
    );
    assert_one_line(
        &["--data", data, "--orders-db", "sqlite:///no/such/orders.db"],
        "cannot open the database",
    );
}

#[test]
fn help_goes_to_stdout() {
    let output = shop(&["--help"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--payments-db"));
}
