use std::fmt::Write;

/// `$first,$first+1,..`: the places of a list of `count` values in a statement. The database keeps a
/// prepared statement for each `count`, so callers bound it.
pub(crate) fn places(first: usize, count: usize) -> String {
    let mut text = String::new();
    for place in first..first + count {
        let comma = if place == first { "" } else { "," };
        let _ = write!(text, "{comma}${place}");
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn places_count_up() {
        assert_eq!(super::places(2, 3), "$2,$3,$4");
    }
}
