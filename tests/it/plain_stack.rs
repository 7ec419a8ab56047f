//! plain_stack.
