//! Which version of a package was driven: what the lock file says.

const LOCK: &str = include_str!("../../../Cargo.lock");

/// The highest version of `package` in the lock file: ours is the one that a peer's is not older than.
pub(crate) fn of(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"");
    let mut lines = LOCK.lines();
    let mut found = "?";
    while lines.by_ref().any(|line| line == name) {
        let version = lines
            .next()
            .and_then(|line| line.strip_prefix("version = "));
        found = version.unwrap_or("?").trim_matches('"');
    }
    found
}
