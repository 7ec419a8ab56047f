//! Every layer against the whole contract of `tower-keep-test`, one module each.

mod adaptive;
mod balance;
mod bulkhead;
mod cache;
mod catch_panic;
mod chaos;
mod circuit_breaker;
mod coalesce;
mod correlation_id;
mod decision;
mod detach;
mod fallback;
mod health;
mod hedge;
mod idempotency;
mod keyed;
mod load_shed;
mod rate_limit;
mod retry;
mod strangler;
mod throttle;
mod timeout;

/// How many requests each case of the matrix gets, where a layer has to see all of them.
const CALLS: usize = 6;
