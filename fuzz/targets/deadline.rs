//! Runs [`fuzz::deadline`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(deadline);
