use shop_kit::money::{Currency, Money};

use crate::domain::Account;

/// The accounts of the demo: most can pay, `cus_ivan` soon cannot, `cus_judy`'s card is blocked.
pub(crate) fn accounts() -> Vec<Account> {
    let rich = [
        "cus_anna", "cus_bela", "cus_carl", "cus_dora", "cus_emil", "cus_fumi", "cus_gwen",
        "cus_hugo",
    ];
    let account = |id: &str, minor, blocked| Account {
        id: id.to_owned(),
        balance: Money::new(minor, Currency::EUR),
        blocked,
    };
    let mut accounts: Vec<_> = rich.iter().map(|id| account(id, 500_000, false)).collect();
    accounts.push(account("cus_ivan", 9_000, false));
    accounts.push(account("cus_judy", 500_000, true));
    accounts
}
