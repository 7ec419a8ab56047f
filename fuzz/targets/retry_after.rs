//! Runs [`fuzz::retry_after`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(retry_after);
