//! Command lines that fail with one clear line.

use std::{fmt::Display, process::ExitCode};

use clap::Parser;
use http::{Uri, uri::Scheme};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::server::StartError;

/// Runs a program of which all options are in one type.
pub async fn run<C, F>(program: impl FnOnce(C) -> F) -> ExitCode
where
    C: Parser,
    F: Future<Output = Result<(), StartError>>,
{
    match parse() {
        Ok(config) => exit(program(config).await),
        Err(code) => code,
    }
}

/// Reads where a peer is: `http://host:port`, and perhaps a path.
///
/// # Errors
/// Says what is missing. The shop has no TLS of its own, so `https` is refused as well.
pub fn peer(text: &str) -> Result<Uri, String> {
    let url: Option<Uri> = text.parse().ok();
    url.filter(|url| url.scheme() == Some(&Scheme::HTTP) && url.host().is_some())
        .ok_or_else(|| "give http://host:port, such as http://127.0.0.1:8102".to_owned())
}

/// Parses the command line. Help and version go to stdout; a mistake becomes one line on stderr.
///
/// # Errors
/// The exit code to end with: success after help, 2 after a mistake.
pub fn parse<T: Parser>() -> Result<T, ExitCode> {
    T::try_parse().map_err(|error| {
        if !error.use_stderr() {
            // Whoever closes the pipe early has read enough.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        eprintln!("{} (try --help)", one_line(&error.to_string()));
        ExitCode::from(2)
    })
}

/// Starts the log: JSON lines on stderr, filtered by `level`, a `tracing` filter such as `info` or
/// `warn,orders=debug`. A line that belongs to a request carries its correlation id.
///
/// # Errors
/// Says what is wrong with the filter.
pub fn start_log(level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        format!("--log: `{level}` is not a filter: {error}; use `info` or `warn,orders=debug`")
    })?;
    // The span of a request has the correlation id, so it is kept at any level.
    let filter = filter.or(filter_fn(|meta| {
        meta.is_span() && meta.target() == "tower_keep"
    }));
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
    Ok(())
}

/// The exit code of a program; a failure is told in one line on stderr.
pub fn exit<E: Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// The first paragraph of a message, on one line.
fn one_line(message: &str) -> String {
    message
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::{one_line, peer};

    #[test]
    fn a_peer_has_a_scheme_and_a_host() {
        for url in ["http://127.0.0.1:8102", "http://payments/webhooks/cards"] {
            assert_eq!(peer(url).map(|url| url.host().is_some()), Ok(true));
        }
        for wrong in [
            "",
            "127.0.0.1:8102",
            "payments",
            "/cards",
            "https://payments",
            "http://",
        ] {
            assert!(
                peer(wrong).unwrap_err().contains("http://host:port"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_message_is_cut_to_its_first_paragraph_on_one_line() {
        assert_eq!(
            one_line("error: no such\n  option\n\nUsage: shop"),
            "error: no such option"
        );
    }
}
