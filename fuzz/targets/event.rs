//! Runs [`fuzz::event`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(event);
