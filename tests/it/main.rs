//! The suite from outside: one binary, one module for each layer and for what they do together.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is what it is for"
)]

mod axum_stack;
mod breaker_outcomes;
mod breaker_steering;
mod bulkhead;
mod circuit_breaker;
mod context;
mod contract;
mod correlation_id;
mod edges;
mod grpc_stack;
mod health;
mod hyper_stack;
mod interplay;
mod lifecycle;
mod observe;
mod plain_stack;
mod retry;
mod retry_bodies;
mod retry_budget;
mod retry_frameworks;
mod support;
mod tidy;
mod timeout;
mod timeout_body;
