//! That every function that takes a closure is in the table.

use std::{collections::BTreeSet, fs, path::Path};

use super::table::TABLE;

/// Those that only pass it on, or run it at once for the caller who gave it.
const ELSEWHERE: [(&str, &str); 1] = [(
    "context.run",
    "runs the closure at once; `tests/it/context.rs` has it panic",
)];

/// Traits that closures implement.
const TRAITS: [&str; 3] = ["impl Observer", "impl Pressure", "impl Check"];

#[test]
fn no_closure_is_missing_from_the_table() {
    let mut missing = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/tower-keep/src");
    let known: BTreeSet<_> = TABLE.iter().map(|(name, ..)| *name).collect();
    let known = known
        .union(&ELSEWHERE.map(|(name, _)| name).into())
        .copied()
        .collect::<BTreeSet<_>>();
    let mut found = BTreeSet::new();
    for module in fs::read_dir(source)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        let module_name = module.file_stem().unwrap().to_str().unwrap().to_owned();
        for text in texts(&module) {
            found.extend(takes_closures(&text).map(|function| format!("{module_name}.{function}")));
        }
    }
    assert!(found.len() > 30, "the check looks in the wrong place");
    for name in &found {
        // All of them tell through the same emitter, whose row is `observe.observe`.
        let is_emitter = name.ends_with(".observe");
        if !known.contains(name.as_str()) && !is_emitter {
            missing.insert(name);
        }
    }
    assert!(missing.is_empty(), "no row for {missing:?}");
}

/// The Rust files below a module.
fn texts(module: &Path) -> Vec<String> {
    if module.is_file() {
        return vec![fs::read_to_string(module).unwrap()];
    }
    let entries = fs::read_dir(module).unwrap();
    entries
        .flat_map(|entry| texts(&entry.unwrap().path()))
        .collect()
}

/// The public functions whose signature has a closure in it.
fn takes_closures(text: &str) -> impl Iterator<Item = &str> {
    text.split("pub fn ")
        .chain(text.split("pub const fn "))
        .skip(1)
        .filter_map(|function| {
            let signature = function.split(['{', ';']).next()?;
            let takes = ["Fn(", "FnMut(", "FnOnce("].iter().chain(&TRAITS);
            let name = signature.split(['<', '(']).next()?;
            takes
                .into_iter()
                .any(|takes| signature.contains(takes))
                .then_some(name)
        })
}
