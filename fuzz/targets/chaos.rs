//! Runs [`fuzz::chaos`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(chaos);
