//! What stacks of layers take from an axum server: `cargo bench -p cost --bench http`.
//!
//! Each server is a process on the first core, the load comes from the last. A stack is measured between
//! two measurements of the bare server, and held against their mean. The time that the server's process
//! has on its core is counted too, by request: it does not depend on who else is busy. `--quick` is no
//! measurement. The instructions of the same stacks are in `--bench instructions axum`, those of the
//! peers in `--bench http --instructions` (needs valgrind).

use std::{env, fs, io, path::Path, process::ExitCode, time::Duration};

use cost::{
    Cases, callgrind,
    timing::{Core, Spread, pin},
    web::{self, APPS, Server},
};
use serde::Serialize;
use tokio::runtime::Builder;

const CONNECTIONS: usize = 32;

#[derive(Serialize)]
struct Row {
    stack: &'static str,
    /// Requests in a second, as a part of what the bare server answers.
    ratio: Spread,
    per_second: Spread,
    /// Microseconds of the server's core for a request.
    cpu_us: Spread,
    /// What of it the stack adds.
    added_us: Spread,
    p50_us: Spread,
    p99_us: Spread,
}

/// What one load has shown.
#[derive(Clone, Copy)]
struct Sample {
    per_second: f64,
    cpu_us: f64,
    p50_us: f64,
    p99_us: f64,
}

fn main() -> ExitCode {
    if web::serve(web::app) {
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<_> = env::args().skip(1).collect();
    if callgrind::is_inside() || arguments.iter().any(|one| one == "--instructions") {
        return instructions();
    }
    cost::without_test_util("http", || match http(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

fn http(arguments: &[String]) -> io::Result<()> {
    let is_on = |flag: &str| arguments.iter().any(|one| one == flag);
    let (rounds, lasting) = if is_on("--bench") && !is_on("--quick") {
        (11, Duration::from_millis(800))
    } else {
        (1, Duration::from_millis(20))
    };
    let servers = APPS
        .iter()
        .map(|name| Server::start(name))
        .collect::<io::Result<Vec<_>>>()?;
    pin(Core::Last);
    let mut samples = vec![Vec::new(); servers.len()];
    let mut before = sample(&servers[0], lasting)?;
    for _ in 0..rounds {
        for (server, samples) in servers.iter().zip(&mut samples) {
            let one = sample(server, lasting)?;
            let after = sample(&servers[0], lasting)?;
            samples.push((before, one, after));
            before = after;
        }
    }
    let rows: Vec<_> = APPS
        .iter()
        .zip(&samples)
        .map(|(stack, samples)| row(stack, samples))
        .collect();
    print(&rows);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    fs::create_dir_all(&folder)?;
    fs::write(
        folder.join("http.json"),
        serde_json::to_string_pretty(&rows)?,
    )
}

fn sample(server: &Server, lasting: Duration) -> io::Result<Sample> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let before = server.scheduled();
    let load = runtime.block_on(web::load(server.port, CONNECTIONS, lasting))?;
    let cpu = server.scheduled().since(before).ran;
    assert_eq!(load.bad, 0, "answers that are not 200 and hello");
    let micros = |one: Duration| one.as_secs_f64() * 1e6;
    Ok(Sample {
        per_second: load.per_second,
        cpu_us: micros(cpu) / load.requests as f64,
        p50_us: micros(load.p50),
        p99_us: micros(load.p99),
    })
}

fn row(stack: &'static str, samples: &[(Sample, Sample, Sample)]) -> Row {
    let spread =
        |number: &dyn Fn(&(Sample, Sample, Sample)) -> f64| Spread::of(samples.iter().map(number));
    Row {
        stack,
        ratio: spread(&|(before, one, after)| {
            2.0 * one.per_second / (before.per_second + after.per_second)
        }),
        per_second: spread(&|(_, one, _)| one.per_second),
        cpu_us: spread(&|(_, one, _)| one.cpu_us),
        added_us: spread(&|(before, one, after)| {
            one.cpu_us - f64::midpoint(before.cpu_us, after.cpu_us)
        }),
        p50_us: spread(&|(_, one, _)| one.p50_us),
        p99_us: spread(&|(_, one, _)| one.p99_us),
    }
}

fn print(rows: &[Row]) {
    println!(
        "{:18} {:>7} {:>12} {:>10} {:>9} {:>8} {:>13} {:>8} {:>8}",
        "stack",
        "of bare",
        "half are in",
        "requests/s",
        "cpu us",
        "added",
        "half are in",
        "p50 us",
        "p99 us"
    );
    for row in rows {
        println!(
            "{:18} {:>7.3} {:>12} {:>10.0} {:>9.2} {:>8.2} {:>13} {:>8.0} {:>8.0}",
            row.stack,
            row.ratio.median,
            format!("{:.3}..{:.3}", row.ratio.low, row.ratio.high),
            row.per_second.median,
            row.cpu_us.median,
            row.added_us.median,
            format!("{:.2}..{:.2}", row.added_us.low, row.added_us.high),
            row.p50_us.median,
            row.p99_us.median,
        );
    }
}

/// The instructions of a request, ours and the peers'.
fn instructions() -> ExitCode {
    let mut cases = Cases::default();
    web::add(&mut cases, &APPS, web::app);
    if callgrind::is_inside() {
        callgrind::inside(cases);
        return ExitCode::SUCCESS;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("callgrind-http");
    match callgrind::count(&[], &folder) {
        Ok(counted) => {
            println!("{:28} {:>9} {:>9}", "stack", "a request", "added");
            for (name, instructions) in &counted {
                println!(
                    "{name:28} {instructions:>9.0} {:>9.0}",
                    instructions - counted[0].1
                );
            }
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
