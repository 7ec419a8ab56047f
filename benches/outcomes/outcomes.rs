//! Who stands under overload and failure: `cargo bench --bench outcomes`, and `BLESS=1` to write it down.
//!
//! A word after `--` picks the scenarios whose name has it.

use std::time::Duration;

use outcomes::{
    contenders::{self, Ours},
    noticing, pages,
    scenarios::{self, Detection},
    table::{self, Result},
};

fn main() -> std::io::Result<()> {
    // `cargo test --benches` only wants to know that it starts; tests/slo.rs runs the scenarios.
    if std::env::args().any(|argument| argument == "--test") || !benched() {
        return Ok(());
    }
    let word = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let picked = |id: &str| word.as_ref().is_none_or(|word| id.contains(word.as_str()));
    let mut results = Vec::new();
    for scenario in scenarios::all().into_iter().filter(|one| picked(one.id)) {
        let reports = contenders::all()
            .map(|contender| scenario.run(contender))
            .into();
        let result = Result { scenario, reports };
        println!("{}", table::of(&result));
        results.push(result);
    }
    let noticed = if picked("detection") {
        detection()
    } else {
        String::new()
    };
    println!("{noticed}");
    let shares = if picked("noticing") {
        noticing::table()
    } else {
        String::new()
    };
    println!("{shares}");
    for result in &results {
        let ours = result.reports.last().expect("ours is the last of them");
        result.scenario.hold_to(ours);
    }
    if std::env::var_os("BLESS").is_some() && word.is_none() {
        pages::write(&results, &noticed, &shares)?;
    }
    Ok(())
}

fn benched() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

fn detection() -> String {
    let names = contenders::all().map(|contender| contender.name());
    let mut text = format!("| | {} |\n|---|--:|--:|--:|--:|--:|\n", names.join(" | "));
    for of in [Detection::outage, Detection::half] {
        for uptime in [60, 3600, 24 * 3600] {
            let detection = of(Duration::from_secs(uptime));
            detection.hold_to(&detection.run(&Ours));
            let noticed = contenders::all().map(|contender| {
                if contender.pace().is_some() && uptime > 60 {
                    return "–".to_owned();
                }
                detection.noticed(&detection.run(contender))
            });
            text += &format!("| {} | {} |\n", detection.title(), noticed.join(" | "));
        }
    }
    text
}
