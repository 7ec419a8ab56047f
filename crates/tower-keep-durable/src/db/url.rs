use std::path::Path;

/// The URL of the SQLite file at `path`.
#[must_use]
pub fn file_url(path: &Path) -> String {
    let mut url = "sqlite://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' => url.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => url.push(byte.into()),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

/// The URL without user and password, fit for an error message.
pub(super) fn without_credentials(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_reach_the_message() {
        assert_eq!(
            without_credentials("postgres://me:secret@db/shop"),
            "postgres://db/shop"
        );
        assert_eq!(
            without_credentials("sqlite:///tmp/a.db"),
            "sqlite:///tmp/a.db"
        );
    }
}
