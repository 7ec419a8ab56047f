use super::super::{Types, escape::escaped};

/// The longest subject we send: well below the 4096 bytes that a line of the protocol may have.
pub(super) const LONGEST: usize = 1024;

/// The subject of a type: `bus.partition.type`, where the dots of the type separate tokens.
pub(super) fn of(bus: &str, partition: u32, kind: &str) -> String {
    format!("{bus}.{partition}.{}", tokens(kind))
}

/// The one filter that lets through what is wanted, and may let through more; servers before 2.10
/// take no more than one.
pub(super) fn filter(bus: &str, partition: u32, types: &Types) -> String {
    let mut types = types.iter();
    let wanted = match (types.next(), types.next()) {
        (Some(one), None) => match one.strip_suffix('*') {
            None => tokens(one),
            Some(prefix) => match prefix.strip_suffix('.') {
                Some(whole) if !whole.is_empty() => format!("{}.>", tokens(whole)),
                _ => ">".to_owned(),
            },
        },
        _ => ">".to_owned(),
    };
    format!("{bus}.{partition}.{wanted}")
}

/// The type as tokens: none is empty, and none has a letter that means something to the server.
fn tokens(kind: &str) -> String {
    let token = |token: &str| match token {
        "" => "%".to_owned(),
        _ => escaped(token, '%', |byte| {
            byte.is_ascii_graphic() && byte != b'*' && byte != b'>'
        }),
    };
    kind.split('.').map(token).collect::<Vec<_>>().join(".")
}

/// The name of a group's consumer.
pub(super) fn consumer(group: &str, partition: u32) -> String {
    format!("{}={partition}", escaped(group, '=', is_plain))
}

/// Whether it may name a stream.
pub(super) fn is_name(bus: &str) -> bool {
    !bus.is_empty() && bus.bytes().all(is_plain)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_type_is_a_subject() {
        assert_eq!(of("b", 3, "shop.order.v1"), "b.3.shop.order.v1");
        assert_eq!(of("b", 3, ".a..b c*>"), "b.3.%.a.%.b%20c%2A%3E");
        assert_ne!(of("b", 3, "a%20b"), of("b", 3, "a b"));
    }

    #[test]
    fn a_filter_lets_through_all_that_is_wanted() {
        let of = |types: &[&str]| filter("b", 3, &Types::of(types.iter().copied()));
        assert_eq!(of(&["*"]), "b.3.>");
        assert_eq!(of(&["a.b"]), "b.3.a.b");
        assert_eq!(of(&["a.*"]), "b.3.a.>");
        assert_eq!(of(&["a.b*"]), "b.3.>");
        assert_eq!(of(&["a", "b"]), "b.3.>");
        assert_eq!(of(&[".*"]), "b.3.>");
    }

    #[test]
    fn groups_have_consumers_of_their_own() {
        assert_eq!(consumer("orders", 1), "orders=1");
        assert_ne!(consumer("a.b", 1), consumer("a b", 1));
    }
}
