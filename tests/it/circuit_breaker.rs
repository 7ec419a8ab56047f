//! circuit_breaker.
