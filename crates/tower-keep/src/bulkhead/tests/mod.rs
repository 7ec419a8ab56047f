mod model;

use super::state::Rule;
use crate::config::Enforce;

#[test]
fn a_word_holds_the_rule() {
    for limit in [0, 1, u32::MAX] {
        for enforce in [0, 50, 100].map(Enforce::percent) {
            let rule = Rule::from_word(Rule::new(true, enforce, limit).to_word());
            assert_eq!((rule.limit(), rule.enforce()), (limit, enforce));
            assert!(rule.is_enabled());
            let off = Rule::new(false, enforce, limit);
            assert_eq!((off.limit(), off.enforce()), (u32::MAX, enforce));
            assert!(!off.is_enabled());
        }
    }
}
