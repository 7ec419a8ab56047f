//! The shop as processes: one for each service, killed, paused and cut off as processes are, and its
//! books checked by `shop check`.
//!
//! | file | what |
//! |---|---|
//! | `service.rs`, `fleet.rs`, `backend.rs`, `broker.rs`, `web.rs` | starts services, on SQLite or on PostgreSQL and a broker, and keeps them up |
//! | `story.rs` | what customers do, what has to become of it, and what comes late |
//! | `check.rs` | `shop check` itself |
//! | `killed.rs` | a service is killed at its n-th place, and started again |
//! | `replicas.rs` | two of a service; one is killed, one is paused |
//! | `proxy.rs`, `directed.rs` | each step of an order goes wrong in each way |
//! | `choreography.rs` | all that in a shop in which no service calls another, one of them killed in the middle |
//! | `mistakes.rs` | services that make known mistakes, which all this has to find |

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where its shop breaks")]

mod backend;
mod broker;
mod check;
mod choreography;
mod directed;
mod fleet;
mod killed;
mod mistakes;
mod proxy;
mod replicas;
mod service;
mod story;
mod web;
