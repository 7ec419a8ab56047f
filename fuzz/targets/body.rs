//! Runs [`fuzz::body`].

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(body);
