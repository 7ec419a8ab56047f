//! Runs [`fuzz::document`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(document);
