//! The seeds and whatever fuzzing has found, as plain tests, and a stretch of each of them changed.

use std::{fs, path::Path};

use fuzz::TARGETS;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files
        .map(|file| file.expect("is readable").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| fs::read(file).expect("is readable"))
        .collect()
}

#[test]
fn each_target_holds_for_its_seeds() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() >= 3, "{name} has too few seeds");
        for seed in seeds {
            target(&seed);
        }
    }
}

/// A little of what cargo-fuzz does, where it is not installed.
#[test]
fn each_target_holds_for_seeds_that_were_tampered_with() {
    let mut random = fastrand::Rng::with_seed(7);
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        for _ in 0..1_000 {
            let mut bytes = random.choice(&seeds).expect("there are some").clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..=bytes.len());
                match random.u8(..3) {
                    0 => bytes.insert(at, random.u8(..)),
                    1 => drop(bytes.drain(at..(at + 1).min(bytes.len()))),
                    _ => bytes
                        .iter_mut()
                        .skip(at)
                        .take(1)
                        .for_each(|byte| *byte = random.u8(..)),
                }
            }
            target(&bytes);
        }
    }
}
