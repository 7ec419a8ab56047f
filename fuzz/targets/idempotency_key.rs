//! Runs [`fuzz::idempotency_key`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(idempotency_key);
