//! The demo shop in one process.
//!
//! Without arguments it plays a scenario: customers order, payments fails and inventory dies, a crowd
//! comes, and in the end the books are checked. `shop serve` keeps the services up for curl.

/// Prints a line. Whoever has closed the pipe misses it; the shop goes on and its books are checked.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

mod check;
mod customers;
mod faults;
mod layers;
mod load;
mod options;
mod phases;
mod promises;
mod report;
mod scenario;
mod screen;
mod serve;
mod system;
mod visitors;
mod web;

use std::process::ExitCode;

use options::{Command, Options};
use shop_kit::cli;

#[tokio::main]
async fn main() -> ExitCode {
    let options: Options = match cli::parse() {
        Ok(options) => options,
        Err(code) => return code,
    };
    if let Err(error) = cli::start_log(&options.log) {
        return cli::exit(Err(error));
    }
    cli::exit(match options.command {
        None => scenario::play(&options).await,
        Some(Command::Serve) => serve::serve(&options).await,
    })
}
