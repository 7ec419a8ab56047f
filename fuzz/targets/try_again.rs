//! Runs [`fuzz::try_again`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(try_again);
