//! What `Cache-Control` says (RFC 9111, 5.2; RFC 5861), and `Vary`.

use http::{HeaderMap, HeaderName, header};

/// The directives of a request or a response that mean something here. Times are in seconds.
///
/// `no-cache` and `private` that name fields are taken as if they named none, which is always safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) private: bool,
    pub(crate) public: bool,
    /// `proxy-revalidate` counts too if [shared](Self::of) was said.
    pub(crate) must_revalidate: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) min_fresh: Option<u64>,
    /// Without a value: however stale.
    pub(crate) max_stale: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
}

impl Directives {
    /// Of a head, as a shared cache or a private one reads it.
    pub(crate) fn of(headers: &HeaderMap, shared: bool) -> Self {
        let mut found = Self::default();
        let mut any = false;
        for value in headers.get_all(header::CACHE_CONTROL) {
            any = true;
            match value.to_str() {
                Ok(text) => found.read(text, shared),
                // Not to be understood, so to be on the safe side.
                Err(_) => found.no_store = true,
            }
        }
        if !any && let Some(pragma) = headers.get(header::PRAGMA) {
            found.no_cache = pragma.as_bytes().eq_ignore_ascii_case(b"no-cache");
        }
        found
    }

    fn read(&mut self, text: &str, shared: bool) {
        for directive in elements(text) {
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim().trim_matches('"'))),
                None => (directive, None),
            };
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            match () {
                () if is("no-store") => self.no_store = true,
                () if is("no-cache") => self.no_cache = true,
                () if is("private") => self.private = true,
                () if is("public") => self.public = true,
                () if is("must-revalidate") => self.must_revalidate = true,
                () if is("proxy-revalidate") => self.must_revalidate |= shared,
                () if is("only-if-cached") => self.only_if_cached = true,
                () if is("max-age") => shorten(&mut self.max_age, value, 0),
                () if is("s-maxage") => shorten(&mut self.s_maxage, value, 0),
                () if is("min-fresh") => shorten(&mut self.min_fresh, value, 0),
                () if is("max-stale") => {
                    let unsaid = if value.is_none() { FOREVER } else { 0 };
                    shorten(&mut self.max_stale, value, unsaid);
                }
                () if is("stale-while-revalidate") => {
                    shorten(&mut self.stale_while_revalidate, value, 0);
                }
                () if is("stale-if-error") => shorten(&mut self.stale_if_error, value, 0),
                () => {}
            }
        }
    }
}

/// As long as a time in a directive gets: 68 years (RFC 9111, 1.2.2).
const FOREVER: u64 = 1 << 31;

/// Of a directive that is there twice the shorter time counts; of one that makes no sense, none.
fn shorten(time: &mut Option<u64>, value: Option<&str>, unsaid: u64) {
    let said = match value {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().unwrap_or(FOREVER).min(FOREVER)
        }
        _ => unsaid,
    };
    *time = Some(time.map_or(said, |before| before.min(said)));
}

/// The elements of a list, at commas that are not quoted.
fn elements(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |letter| {
        let was_escaped = std::mem::take(&mut escaped);
        match letter {
            '\\' if quoted && !was_escaped => escaped = true,
            '"' if !was_escaped => quoted = !quoted,
            _ => {}
        }
        letter == ',' && !quoted
    })
    .map(str::trim)
    .filter(|element| !element.is_empty())
}

/// The fields that an answer was chosen by; `None` if nobody can tell: `*`, or nothing readable.
pub(crate) fn vary(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for value in headers.get_all(header::VARY) {
        for name in elements(value.to_str().ok()?) {
            // `*` is a name to http.
            if name == "*" {
                return None;
            }
            names.push(name.parse().ok()?);
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> Directives {
        let values = values.iter().map(|value| HeaderValue::from_static(value));
        let headers = values.map(|value| (header::CACHE_CONTROL, value)).fold(
            HeaderMap::new(),
            |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            },
        );
        Directives::of(&headers, true)
    }

    #[test]
    fn directives_are_read_as_the_rfc_has_them() {
        let none = Directives::default();
        let table = [
            (
                &["max-age=60"][..],
                Directives {
                    max_age: Some(60),
                    ..none
                },
            ),
            (
                &["MAX-AGE = \"60\""],
                Directives {
                    max_age: Some(60),
                    ..none
                },
            ),
            (
                &["max-age=60, max-age=30"],
                Directives {
                    max_age: Some(30),
                    ..none
                },
            ),
            (
                &["max-age=60", "no-store"],
                Directives {
                    max_age: Some(60),
                    no_store: true,
                    ..none
                },
            ),
            (
                &["max-age=nonsense"],
                Directives {
                    max_age: Some(0),
                    ..none
                },
            ),
            (
                &["max-age=-5"],
                Directives {
                    max_age: Some(0),
                    ..none
                },
            ),
            (
                &["max-age=99999999999999999999999"],
                Directives {
                    max_age: Some(FOREVER),
                    ..none
                },
            ),
            (&["ext=\"a, no-store, \\\", private\""], none),
            (
                &["private=\"x-a, x-b\", no-cache"],
                Directives {
                    private: true,
                    no_cache: true,
                    ..none
                },
            ),
            (
                &["max-stale"],
                Directives {
                    max_stale: Some(FOREVER),
                    ..none
                },
            ),
            (
                &["proxy-revalidate"],
                Directives {
                    must_revalidate: true,
                    ..none
                },
            ),
            (&["", ",,"], none),
        ];
        for (values, expected) in table {
            assert_eq!(read(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_star_says_that_nobody_can_tell() {
        let of = |value| {
            vary(&HeaderMap::from_iter([(
                header::VARY,
                HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(
            of("Accept, accept-encoding").map(|names| names.len()),
            Some(2)
        );
        assert_eq!(of("accept, *"), None);
        assert_eq!(of("not a name"), None);
        assert_eq!(vary(&HeaderMap::new()), Some(Vec::new()));
    }
}
