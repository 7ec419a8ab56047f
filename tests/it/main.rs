//! The suite from outside: one binary, one module for each layer and for what they do together.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is what it is for"
)]

mod adaptive;
mod adaptive_outcomes;
mod axum_stack;
mod balance;
mod balance_discovery;
mod breaker_outcomes;
mod breaker_steering;
mod bulkhead;
mod cache;
mod catch_panic;
mod chaos;
mod circuit_breaker;
mod coalesce;
mod context;
mod contract;
mod correlation_id;
mod cross_hop;
mod decision;
mod detach;
mod edges;
mod enforce;
mod fallback;
mod flood;
mod grpc_stack;
mod health;
mod hedge;
mod hedge_bodies;
mod hyper_stack;
mod idempotency;
mod interplay;
mod keyed;
mod keyed_bounds;
mod lifecycle;
mod load_shed;
mod observe;
mod parity;
mod plain_stack;
mod rate_limit;
mod rate_limit_client;
mod refused_upload;
mod registry;
mod registry_http;
mod registry_layers;
mod registry_warm;
mod registry_watch;
mod reqwest_client;
mod retry;
mod retry_bodies;
mod retry_budget;
mod retry_frameworks;
mod stack;
mod strangler;
mod support;
mod throttle;
mod tidy;
mod timeout;
mod timeout_body;
