use std::collections::BTreeSet;

use tower::discover::Change;

use super::{diff::changes, file::parse};

#[test]
fn a_change_of_the_set_is_told_with_what_is_new_first() {
    let [old, new] = [[1, 2, 3], [2, 3, 4]].map(BTreeSet::from);
    let told: Vec<_> = changes(&old, &new)
        .into_iter()
        .map(|change| match change {
            Change::Insert(key, _) => key,
            Change::Remove(key) => -key,
        })
        .collect();
    assert_eq!(told, [4, -1]);
    assert!(changes(&new, &new).is_empty());
}

#[test]
fn a_line_is_an_endpoint_and_what_is_none_is_an_error() {
    let text = "# two of them\n10.0.0.1:80\n\n  10.0.0.2:80  # the new one\n";
    let found: Vec<std::net::SocketAddr> = parse(text).unwrap();
    assert_eq!(found.len(), 2);
    let error = parse::<std::net::SocketAddr>("10.0.0.1:80\nten:80").unwrap_err();
    assert!(error.to_string().starts_with("line 2: `ten:80`"), "{error}");
}
