//! Runs [`fuzz::stacks`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(stacks);
