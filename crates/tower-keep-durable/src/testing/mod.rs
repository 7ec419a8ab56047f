//! For tests: databases (a SQLite file in a fresh folder, or a PostgreSQL database of its own) and a
//! bus that does the worst that a bus may do.
//!
//! ```
//! use tower_keep_durable::{Bus, testing::Faults};
//!
//! // Twice, late, in another order, not at all until it is tried again: and each key in order.
//! let bus = Bus::memory().with_faults(Faults::seeded(7));
//! # drop(bus);
//! ```

mod crash;
mod faults;
mod faulty_delivery;
mod port;
mod postgres;
mod server;
mod sqlite;

pub use self::{
    crash::crash_point, faults::Faults, port::free_port, postgres::on_postgres,
    server::server_answers, sqlite::TestDb,
};
