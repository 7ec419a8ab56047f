//! Runs [`fuzz::correlation_id`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(correlation_id);
