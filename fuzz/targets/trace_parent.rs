//! Runs [`fuzz::trace_parent`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(trace_parent);
