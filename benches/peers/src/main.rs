//! Prints the table; `BLESS=1` writes it to `README.md`, an argument is the id of the one to run.

use std::{env, fs, panic, path::Path};

fn main() -> std::io::Result<()> {
    // A peer that panics is a row of the table.
    panic::set_hook(Box::new(|_| ()));
    let only = env::args().nth(1);
    let mut rows = Vec::new();
    for case in peers::cases() {
        if only.as_deref().is_none_or(|id| id == case.id) {
            for row in peers::rows(&case) {
                println!("{row}");
                rows.push(row);
            }
        }
    }
    if env::var_os("BLESS").is_some() && only.is_none() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        fs::write(page, peers::readme(&rows))?;
    }
    Ok(())
}
