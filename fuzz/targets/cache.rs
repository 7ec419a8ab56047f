//! Runs [`fuzz::cache`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(cache);
