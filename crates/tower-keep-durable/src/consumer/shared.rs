use std::time::Duration;

use super::ConsumerConfig;
use crate::{
    Bus, Db, DeadLetters,
    bus::{BusError, Types},
    common::{lease::Lease, paced::Paced},
    dead_letters::LetterError,
};

/// What all clones and tasks of a consumer have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) db: Db,
    pub(super) bus: Bus,
    pub(super) name: String,
    pub(super) types: Types,
    pub(super) config: ConsumerConfig,
    pub(super) letters: DeadLetters,
    pub(super) lease: Lease,
    pub(super) gauges: Paced,
    pub(super) purge: Paced,
}

impl Shared {
    pub(super) fn new(
        db: Db,
        bus: Bus,
        name: String,
        types: Types,
        config: ConsumerConfig,
    ) -> Self {
        Self {
            letters: DeadLetters::new(db.clone()),
            lease: Lease::new(format!("letters of {name}"), config.lease),
            gauges: Paced::every(Duration::from_secs(5)),
            purge: Paced::every(Duration::from_secs(60)),
            db,
            bus,
            name,
            types,
            config,
        }
    }
}

/// What kept a consumer from ending a delivery or a letter; it comes again.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The database fails.
    #[error("the consumer's tables cannot be read or written: {0}")]
    Database(#[from] sqlx::Error),
    /// The bus was not told how it ended.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The dead letters fail.
    #[error(transparent)]
    Letters(#[from] LetterError),
}
