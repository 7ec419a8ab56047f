//! axum_stack.
