use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

/// Where all of something is, in minor units or pieces: `seeded = free + held + taken`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Purse {
    /// What there was in the beginning.
    pub(crate) seeded: i64,
    /// What can be spent or sold.
    pub(crate) free: i64,
    /// What is set aside for orders.
    pub(crate) held: i64,
    /// What is gone: paid, or on its way.
    pub(crate) taken: i64,
}

/// One for each currency, or for each product.
pub(crate) type Purses = BTreeMap<String, Purse>;

impl Purse {
    pub(super) fn is_right(self) -> bool {
        let Self {
            seeded,
            free,
            held,
            taken,
        } = self;
        free >= 0 && held >= 0 && taken >= 0 && free + held + taken == seeded
    }

    pub(super) fn add(&mut self, other: Self) {
        self.seeded += other.seeded;
        self.free += other.free;
        self.held += other.held;
        self.taken += other.taken;
    }
}

impl Display for Purse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seeded,
            free,
            held,
            taken,
        } = self;
        write!(
            f,
            "{free} free + {held} held + {taken} taken, {seeded} seeded"
        )
    }
}
