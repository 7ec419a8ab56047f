//! The conventions of the README, executed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The folders of `crates/tower-keep/src` that are not layers.
const ROOMS: [&str; 12] = [
    "budget",
    "classify",
    "common",
    "config",
    "context",
    "keyed",
    "observe",
    "protocol",
    "registry",
    "rejection",
    "replay",
    "reqwest_client",
];

/// What is made of the layers, and so knows them.
const COMPOSED: [&str; 1] = ["stack"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below `folder` with this ending, as (path from the root, text).
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            match entry.file_name().unwrap().to_str().unwrap() {
                "target" | ".git" => {}
                _ if entry.is_dir() => walk(&entry, ending, found),
                name if name.ends_with(ending) => found.push(entry),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), ending, &mut found);
    found.sort();
    assert!(
        !found.is_empty(),
        "no {ending} below {folder}: the check looks in the wrong place"
    );
    let name = |path: &Path| {
        path.strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    found
        .into_iter()
        .map(|path| (name(&path), read(&path)))
        .collect()
}

fn sources() -> Vec<(String, String)> {
    files("crates/tower-keep/src", ".rs")
}

fn layers() -> BTreeSet<String> {
    fs::read_dir(root().join("crates/tower-keep/src"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !ROOMS.contains(&name.as_str()) && !COMPOSED.contains(&name.as_str()))
        .collect()
}

/// The lines of code, without comments and docs.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(at, line)| {
        let code = line.split("//").next().unwrap_or_default();
        (!code.trim().is_empty()).then_some((at + 1, code))
    })
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// Where code outside `allowed` says one of `words`.
fn said_outside(words: &[&str], allowed: &[&str], files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        if allowed.iter().any(|allowed| path.contains(allowed)) {
            continue;
        }
        for (at, line) in code(text) {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{path}:{at}: {}", line.trim()));
            }
        }
    }
    found
}

#[test]
fn files_are_small() {
    let mut found = Vec::new();
    let trees = ["crates", "examples", "tests", "benches"];
    for (path, text) in trees.into_iter().flat_map(|tree| files(tree, ".rs")) {
        let wall = if path.contains("tests") { 500 } else { 400 };
        let lines = text.lines().count();
        if lines > wall {
            found.push(format!("{path}: {lines} lines, at most {wall}"));
        }
    }
    assert_none(&found, "a file has one idea; split by idea");
}

#[test]
fn layers_never_import_each_other() {
    let layers = layers();
    let mut found = Vec::new();
    for (path, text) in sources() {
        let Some(own) = layers
            .iter()
            .find(|layer| path.contains(&format!("/src/{layer}/")))
        else {
            continue;
        };
        for (at, line) in code(&text) {
            for other in layers.iter().filter(|other| *other != own) {
                if line.contains(&format!("crate::{other}")) {
                    found.push(format!("{path}:{at}: {}", line.trim()));
                }
            }
        }
    }
    assert_none(&found, "layers share the rooms, not each other");
}

#[test]
fn rooms_know_no_layer() {
    let words: Vec<_> = layers()
        .iter()
        .map(|layer| format!("crate::{layer}"))
        .collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let rooms: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| {
            ROOMS
                .iter()
                .any(|room| path.contains(&format!("/src/{room}/")))
        })
        .collect();
    assert_none(&said_outside(&words, &[], &rooms), "a room knows no layer");
}

#[test]
fn state_machines_are_pure() {
    let machines: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| path.ends_with("/state.rs"))
        .collect();
    assert!(machines.len() >= 2);
    let words = [
        "tokio::", "async ", ".await", "Mutex", "now()", "Emitter", "fastrand",
    ];
    assert_none(
        &said_outside(&words, &[], &machines),
        "state.rs decides, it does not act",
    );
}

#[test]
fn each_outside_thing_has_one_home() {
    let sources = sources();
    let homes: [(&[&str], &[&str]); 5] = [
        (&["Instant::now"], &["common/clock/"]),
        (
            &["SystemTime"],
            &[
                "chaos/token.rs",
                "classify/hints.rs",
                "common/clock/",
                "common/unique.rs",
                "health/",
            ],
        ),
        (&["metrics::"], &["observe/"]),
        (&["tracing::"], &["observe/"]),
        (
            &["thread::sleep", "BoxFuture", "todo!", "unimplemented!"],
            &[],
        ),
    ];
    for (words, allowed) in homes {
        let found = said_outside(words, allowed, &sources);
        assert_none(&found, &format!("{words:?} belongs in {allowed:?}"));
    }
}

#[test]
fn what_threads_share_comes_from_where_a_model_checker_reaches_it() {
    let homes = [
        "common/atomic.rs",
        "common/local.rs",
        "common/modelling.rs",
        "common/statics.rs",
        "common/sync.rs",
        // A thread's last reading of the clock, which models do not read.
        "common/clock/",
    ];
    let mut found = Vec::new();
    for (path, text) in sources() {
        if path.contains("tests") || homes.iter().any(|home| path.contains(home)) {
            continue;
        }
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let text: String = code(text).map(|(_, line)| line.trim()).collect();
        // Imports may be nested; elsewhere the whole path is written.
        let imports = text
            .split(';')
            .filter_map(|item| item.split("use std::").nth(1));
        for import in imports {
            for word in ["atomic", "Mutex", "RwLock", "thread_local"] {
                if import.contains(word) {
                    found.push(format!("{path}: {word} in `use std::{import}`"));
                }
            }
        }
        for word in ["std::sync::atomic", "std::sync::Mutex", "std::sync::RwLock"] {
            if text.contains(word) {
                found.push(format!("{path}: {word}"));
            }
        }
        if text.contains("thread_local!")
            && !text.contains("thread_local,")
            && !text.contains("thread_local;")
        {
            found.push(format!("{path}: thread_local! of the standard library"));
        }
    }
    assert_none(
        &found,
        "atomics, locks and thread locals are those of `common`",
    );
}

#[test]
fn features_are_asked_about_in_few_places() {
    let allowed = [
        "src/lib.rs",
        "/observe/",
        "/classify/",
        "/common/",
        "/context/",
        "/health/",
        "/keyed/",
        "/registry/",
    ];
    let found = said_outside(&["cfg(feature", "cfg(any(feature"], &allowed, &sources());
    assert_none(&found, "a layer's code does not depend on features");
}

#[test]
fn a_layers_mod_file_holds_docs_modules_and_exports() {
    let mut found = Vec::new();
    for layer in layers() {
        let path = format!("crates/tower-keep/src/{layer}/mod.rs");
        for (at, line) in code(&read(&root().join(&path))) {
            if ["fn ", "struct ", "enum ", "impl ", "trait "]
                .iter()
                .any(|item| line.contains(item))
            {
                found.push(format!("{path}:{at}: {}", line.trim()));
            }
        }
    }
    assert_none(&found, "items live in files of their own");
}

#[test]
fn a_layer_is_found_under_its_name_everywhere() {
    let [manifest, lib, contract, pairs, readme, costs] = [
        "crates/tower-keep/Cargo.toml",
        "crates/tower-keep/src/lib.rs",
        "tests/it/contract/mod.rs",
        "tests/pairs/main.rs",
        "README.md",
        "benches/cost/instructions.tsv",
    ]
    .map(|path| read(&root().join(path)));
    for layer in layers() {
        let feature = layer.replace('_', "-");
        assert!(
            manifest.contains(&format!("\n{feature} = [")),
            "no feature {feature}"
        );
        assert!(
            lib.contains(&format!("feature = \"{feature}\"")),
            "lib.rs does not gate {layer}"
        );
        assert!(
            contract.contains(&format!("mod {layer}")),
            "no contract row for {layer}"
        );
        assert!(
            pairs.contains(&format!("(\"{layer}\", ||")),
            "no pairs with {layer}"
        );
        assert!(
            costs.contains(&format!("\n{layer}/")),
            "nobody knows what {layer} costs"
        );
        assert!(
            readme.contains(&format!("`{layer}`")),
            "the README does not name {layer}"
        );
        for file in [
            format!("examples/{layer}.rs"),
            format!("tests/it/{layer}.rs"),
        ] {
            assert!(root().join(&file).exists(), "no {file}");
        }
        let docs = read(&root().join(format!("crates/tower-keep/src/{layer}/mod.rs")));
        for section in ["# Why", "# When not", "# Where in the stack", "# Example"] {
            assert!(
                docs.contains(section),
                "the docs of {layer} have no `{section}`"
            );
        }
    }
}

#[test]
fn examples_are_short() {
    let examples = fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for path in examples.filter(|path| path.extension().is_some_and(|ending| ending == "rs")) {
        let lines = read(&path).lines().count();
        assert!(lines <= 60, "{}: {lines} lines, at most 60", path.display());
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn every_test_file_is_run() {
    let main = read(&root().join("tests/it/main.rs"));
    for entry in fs::read_dir(root().join("tests/it")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(
            module == "main" || main.contains(&format!("mod {module};")),
            "tests/it/{name} is not a module of main.rs, so it never runs"
        );
    }
}

#[test]
fn docs_compile_and_nothing_is_left_for_later() {
    // Written so that this file does not find itself.
    let words = [
        concat!("```", "ignore"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    let mut found = Vec::new();
    for (path, text) in ["crates", "examples", "tests", "benches"]
        .into_iter()
        .flat_map(|tree| files(tree, ".rs"))
    {
        for (at, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{path}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert_none(&found, "every example compiles, and nothing is put off");
}

#[test]
fn the_top_level_is_as_the_readme_says() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "CONTRIBUTING.md",
        "LICENSE",
        "README.md",
        "benches",
        "crates",
        "examples",
        "fuzz",
        "rustfmt.toml",
        "target",
        "tests",
    ];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name.starts_with('.') || allowed.contains(&name.as_str()),
            "{name} at the top level"
        );
    }
}
