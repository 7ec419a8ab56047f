//! What the compiler knows, as a value: a bound that is missing is seen, not a build that fails.

use std::marker::PhantomData;

/// Whether a type implements a trait.
///
/// The constant of the type itself is found first, and is there only if the bound holds.
macro_rules! implements {
    ($type:ty: $($bound:tt)+) => {{
        #[allow(dead_code, reason = "one of the two constants is not asked for")]
        trait Otherwise {
            const YES: bool = false;
        }
        struct Asked<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized> Otherwise for Asked<T> {}
        #[allow(dead_code, reason = "one of the two constants is not asked for")]
        impl<T: ?Sized + $($bound)+> Asked<T> {
            const YES: bool = true;
        }
        Asked::<$type>::YES
    }};
}
pub(crate) use implements;

/// Whether a value whose type has no name can be cloned: the method that needs fewer references is
/// found first, and is there only if the bound holds.
macro_rules! clones {
    ($value:expr) => {{
        #[allow(unused_imports, reason = "one of the two answers")]
        use crate::facts::{Clones as _, ClonesNot as _};
        (&&crate::facts::Asked::about(&$value)).clones()
    }};
}
pub(crate) use clones;

pub(crate) struct Asked<T>(PhantomData<fn(T)>);

impl<T> Asked<T> {
    pub(crate) const fn about(_: &T) -> Self {
        Self(PhantomData)
    }
}

pub(crate) trait Clones {
    fn clones(&self) -> bool {
        true
    }
}

impl<T: Clone> Clones for &Asked<T> {}

pub(crate) trait ClonesNot {
    fn clones(&self) -> bool {
        false
    }
}

impl<T> ClonesNot for Asked<T> {}

#[test]
fn both_answers_are_given() {
    struct Neither;
    assert!(implements!(u8: Clone));
    assert!(!implements!(Neither: Clone));
    assert!(clones!(1_u8));
    assert!(!clones!(Neither));
}
