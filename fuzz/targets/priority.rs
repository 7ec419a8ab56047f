//! Runs [`fuzz::priority`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(priority);
