//! Builds the crate with one known mistake in it, when `SAGA_MUTANT` names one: the tests must find it.
//!
//! `SAGA_MUTANT=D cargo test -p tower-keep-durable idempotency` has to fail.

fn main() {
    println!("cargo::rerun-if-env-changed=SAGA_MUTANT");
    println!("cargo::rustc-check-cfg=cfg(saga_mutant, values(any()))");
    if let Ok(mutant) = std::env::var("SAGA_MUTANT")
        && !mutant.is_empty()
    {
        println!("cargo::rustc-cfg=saga_mutant={mutant:?}");
    }
}
