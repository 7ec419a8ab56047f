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
    assert_one_line(
        &["--saga", "ballet"],
        "invalid value 'ballet' for '--saga <FLOW>' [possible values: orchestration, choreography]",
    );
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
fn one_service_has_its_own_options_and_no_others() {
    assert_one_line(&["serve", "nobody"], "unrecognized subcommand 'nobody'");
    let port = ["serve", "orders", "--payments-port", "1"];
    assert_one_line(&port, "unexpected argument '--payments-port'");
    let before = ["serve", "--data", "somewhere", "orders"];
    assert_one_line(&before, "cannot be used with");
    for (service, peer) in [
        ("orders", "--payments"),
        ("orders", "--inventory"),
        ("orders", "--shipping"),
        ("payments", "--cards"),
        ("cards", "--webhooks"),
    ] {
        for url in ["", "127.0.0.1:8102", "https://payments"] {
            let said = format!("invalid value '{url}' for '{peer} <URL>': give http://host:port");
            assert_one_line(&["serve", service, peer, url], &said);
        }
        assert_one_line(&["serve", service, peer], "a value is required for");
    }
    let merchant = ["--webhooks", "http://127.0.0.1:8102/webhooks/cards"];
    let unsigned = [&["serve", "cards"], &merchant[..]].concat();
    assert_one_line(&unsigned, "--webhook-secret <SECRET>");
    for service in ["cards", "payments"] {
        let short = ["serve", service, "--webhook-secret", "whsec_short"];
        assert_one_line(&short, "give whsec_ and base64 of at least 24 bytes");
    }
    assert_one_line(&["serve", "orders", "--log", "==="], "--log: `===`");
}

#[test]
fn a_database_or_a_bus_that_one_service_cannot_use_is_named() {
    let data = tempfile::tempdir().expect("a temp folder");
    let file = |name: &str| format!("sqlite:{}", data.path().join(name).display());
    let (any, orders, bus) = ("127.0.0.1:0", file("orders.db"), file("bus.db"));
    let start = |service, database: &str, bus: &str, said: &str| {
        let options = [
            "--listen", any, "--db", database, "--bus", bus, "--log", "error",
        ];
        assert_one_line(&[&["serve", service], &options[..]].concat(), said);
    };
    for service in [
        "orders",
        "payments",
        "inventory",
        "shipping",
        "notifications",
        "views",
    ] {
        start(
            service,
            "mysql://me:secret@db/name",
            &bus,
            "mysql://db/name: give sqlite:path",
        );
        start(
            service,
            &orders,
            "smoke://signals",
            "the URL of the bus must begin with",
        );
    }
    let unreachable = "postgres://nobody@127.0.0.1:1/orders";
    start(
        "orders",
        unreachable,
        &bus,
        "cannot open the database postgres://127.0.0.1:1/orders",
    );
    // Never built in by default: its C library would have to be built.
    if !cfg!(feature = "kafka") {
        let said = "--bus kafka://..: this program was built without kafka; build it with `--features kafka`";
        start("orders", &orders, "kafka://127.0.0.1/shop", said);
    }
}

#[test]
fn the_longer_name_of_a_database_is_known_too() {
    let (any, long) = ("127.0.0.1:0", "mysql://db/name");
    assert_one_line(
        &["serve", "shipping", "--listen", any, "--database", long],
        "cannot open the database mysql://db/name",
    );
}

#[test]
fn help_goes_to_stdout() {
    let output = shop(&["--help"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--payments-db"));
    let orders = shop(&["serve", "orders", "--help"]);
    let said = String::from_utf8_lossy(&orders.stdout).into_owned();
    for option in ["--db", "--bus", "--payments", "ORDERS_LEASE_MS"] {
        assert!(said.contains(option), "{said}");
    }
    assert!(!said.contains("--payments-port"), "{said}");
}
