use super::LetterState;

/// What was asked of a letter cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// There is no such letter.
    #[error("id: there is no letter {0}; `list` shows those there are")]
    Unknown(i64),
    /// Only a dead letter can be replayed: a parked one follows by itself.
    #[error("id: letter {id} is {state}; only a dead letter can be replayed")]
    NotDead {
        /// Which one.
        id: i64,
        /// Where it stands.
        state: LetterState,
    },
    /// What was handled or discarded is closed for good.
    #[error("id: letter {id} is {state} already")]
    Closed {
        /// Which one.
        id: i64,
        /// Where it stands.
        state: LetterState,
    },
    /// There is no such state.
    #[error("state: `{0}` is none of dead, released, parked, replayed, discarded")]
    State(String),
    /// The database fails.
    #[error("the dead letters cannot be read or written: {0}")]
    Database(#[from] sqlx::Error),
}
