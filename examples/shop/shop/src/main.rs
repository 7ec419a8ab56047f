//! The demo shop.
//!
//! Without arguments it plays a scenario in one process: customers order, payments fails and inventory
//! dies, a crowd comes, and in the end the books are checked. `shop serve` keeps the services up for
//! curl, and `shop serve orders` runs one of them.

/// Prints a line. Whoever has closed the pipe misses it; the shop goes on and its books are checked.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

mod audit;
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
mod service;
mod system;
mod visitors;
mod web;

use std::process::ExitCode;

use options::{Cli, Command, Options};
use shop_kit::{cli, server::StartError};

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, options } = match cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    cli::exit(match command {
        None => alone(&options, scenario::play(&options)).await,
        Some(Command::Check(check)) => return check.run().await,
        Some(Command::Serve(serve)) => match serve.service {
            Some(service) => service.run().await,
            None => alone(&serve.options, serve::serve(&serve.options)).await,
        },
    })
}

/// All services in this process, with one log.
async fn alone(
    options: &Options,
    shop: impl Future<Output = Result<(), StartError>>,
) -> Result<(), StartError> {
    cli::start_log(&options.log)?;
    shop.await
}
