//! hyper_stack.
