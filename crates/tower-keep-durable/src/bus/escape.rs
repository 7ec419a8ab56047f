/// The text with every byte that `keep` refuses written as `{mark}XX`; so is the mark itself, so that
/// no two texts become one.
pub(super) fn escaped(text: &str, mark: char, keep: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() && char::from(byte) != mark && keep(byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("{mark}{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_texts_become_one() {
        let name = |text| escaped(text, '=', |byte| byte.is_ascii_alphanumeric());
        assert_eq!(name("orders"), "orders");
        assert_eq!(name("a.b=é"), "a=2Eb=3D=C3=A9");
        assert_ne!(name("a=2Eb"), name("a.b"));
    }
}
