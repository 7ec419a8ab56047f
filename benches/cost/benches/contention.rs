//! What threads can do together with one layer: `cargo bench -p cost --bench contention`.
//!
//! One thread, two, four and so on up to the number of cores, and at least two; each calls a clone of
//! the same service in a loop, which is the worst that can happen to what they share. The ratio is all
//! that they do together by what one does alone: 2.0 for two threads that do not meet, less than 1.0
//! where another thread makes things worse. Time in which a thread had to wait for its core does not
//! count, and samples with much of it are left out: `samples` says how many were good of 15. Arguments
//! are parts of names (`layer/whose`); `--quick` is no measurement.

use std::{env, fs, path::Path, process::ExitCode, thread, time::Duration};

use cost::{
    contention::{Sample, Shared, Workers, shared},
    timing::Spread,
};
use serde::Serialize;

/// More of the time waiting than this, and a sample says more about others than about the layer.
const DISTURBED: f64 = 0.05;

#[derive(Serialize)]
struct Row {
    layer: &'static str,
    threads: usize,
    /// Nanoseconds between two calls of one thread.
    ns: Spread,
    /// All together, as a multiple of one alone.
    ratio: Spread,
    /// Samples that were good.
    samples: usize,
}

fn main() -> ExitCode {
    cost::without_test_util("contention", contention)
}

fn contention() -> ExitCode {
    let arguments = env::args().skip(1);
    let (flags, filters): (Vec<_>, Vec<_>) = arguments.partition(|one| one.starts_with("--"));
    let is_on = |flag: &str| flags.iter().any(|one| one == flag);
    let (rounds, lasting) = if is_on("--bench") && !is_on("--quick") {
        (15, Duration::from_millis(60))
    } else {
        (1, Duration::from_millis(1))
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut threads = vec![1, 2];
    while threads[threads.len() - 1] * 2 <= cores {
        threads.push(threads[threads.len() - 1] * 2);
    }
    let workers: Vec<_> = threads.into_iter().map(Workers::new).collect();
    let layers: Vec<_> = shared()
        .into_iter()
        .filter(|layer| filters.is_empty() || filters.iter().any(|one| layer.name.contains(one)))
        .collect();
    let rows = measure(&layers, &workers, rounds, lasting);
    print(&rows);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    let json = serde_json::to_string_pretty(&rows).expect("names and numbers");
    let written =
        fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("contention.json"), json));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// Rounds over all layers, and for each over all numbers of threads.
fn measure(layers: &[Shared], workers: &[Workers], rounds: usize, lasting: Duration) -> Vec<Row> {
    let mut samples = vec![vec![Vec::<Sample>::new(); workers.len()]; layers.len()];
    for _ in 0..rounds {
        for (layer, samples) in layers.iter().zip(&mut samples) {
            for (workers, samples) in workers.iter().zip(samples) {
                samples.push(layer.run(workers, lasting));
            }
        }
    }
    let mut rows = Vec::new();
    for (layer, samples) in layers.iter().zip(&samples) {
        let alone = &samples[0];
        for (workers, samples) in workers.iter().zip(samples) {
            let mut pairs: Vec<_> = alone.iter().zip(samples).collect();
            pairs.sort_by(|a, b| disturbed(a).total_cmp(&disturbed(b)));
            let good = pairs.iter().filter(|pair| disturbed(pair) <= DISTURBED);
            let good = good.count();
            // On a busy machine the least disturbed third is what there is.
            pairs.truncate(good.max(rounds.div_ceil(3)));
            let ratios = pairs
                .iter()
                .map(|(one, all)| all.per_second / one.per_second);
            let ns = pairs
                .iter()
                .map(|(_, all)| workers.threads as f64 * 1e9 / all.per_second);
            rows.push(Row {
                layer: layer.name,
                threads: workers.threads,
                ns: Spread::of(ns),
                ratio: Spread::of(ratios),
                samples: good,
            });
        }
    }
    rows
}

fn disturbed((one, all): &(&Sample, &Sample)) -> f64 {
    one.waited.max(all.waited)
}

fn print(rows: &[Row]) {
    println!(
        "{:36} {:>7} {:>10} {:>9} {:>13} {:>8}",
        "layer/whose", "threads", "ns a call", "together", "half are in", "samples"
    );
    for row in rows {
        println!(
            "{:36} {:>7} {:>10.1} {:>8.2}x {:>13} {:>8}",
            if row.threads == 1 { row.layer } else { "" },
            row.threads,
            row.ns.median,
            row.ratio.median,
            format!("{:.2}..{:.2}", row.ratio.low, row.ratio.high),
            row.samples,
        );
    }
}
