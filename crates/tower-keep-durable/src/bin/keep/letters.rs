use clap::Subcommand;
use serde_json::{Value, json};
use tower_keep_durable::{
    BoxError, Db, DeadLetters,
    dead_letters::{Letter, LetterFilter, LetterState},
};

use crate::{
    Reason,
    output::{Output, parsed},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Letters {
    /// Shows a page of letters, oldest first
    List {
        /// Of this consumer only
        #[arg(long)]
        consumer: Option<String>,
        /// In this state only: dead, released, parked, replayed, discarded
        #[arg(long)]
        state: Option<LetterState>,
        /// Of this key only
        #[arg(long)]
        key: Option<String>,
        /// After this letter: the last of the page before
        #[arg(long, default_value_t = 0)]
        after: i64,
        /// So many at most
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Shows one letter with its event
    Show {
        /// Its number
        id: i64,
    },
    /// Has the consumer handle dead letters again, and then what is parked behind them
    Replay {
        /// Their numbers
        #[arg(required = true)]
        ids: Vec<i64>,
    },
    /// Gives a letter up; what is parked behind it goes on
    Discard {
        /// Its number
        id: i64,
        #[command(flatten)]
        reason: Reason,
    },
}

impl Letters {
    pub(crate) async fn run(self, db: Db, output: &Output) -> Result<(), BoxError> {
        let letters = DeadLetters::new(db);
        match self {
            Self::List {
                consumer,
                state,
                key,
                after,
                limit,
            } => {
                let filter = LetterFilter {
                    consumer,
                    state,
                    key,
                    after,
                    limit,
                };
                let found = letters.list(&filter).await?;
                let all = found.iter().map(json_of).collect::<Result<Vec<_>, _>>()?;
                output.print(&Value::Array(all), &table(&found))
            }
            Self::Show { id } => {
                let letter = letters.get(id).await?;
                let json = json_of(&letter)?;
                let note = letter.note.as_deref().unwrap_or("-");
                let event = &json["event"];
                let line = table(std::slice::from_ref(&letter));
                let text = format!("{line}\nnote   {note}\nevent  {event:#}");
                output.print(&json, &text)
            }
            Self::Replay { ids } => {
                for id in ids {
                    letters.replay(id).await?;
                    let done = json!({"id": id, "state": "released"});
                    output.print(&done, &format!("letter {id} will be handled again"))?;
                }
                Ok(())
            }
            Self::Discard { id, reason } => {
                letters.discard(id, &reason.by, &reason.reason).await?;
                let done = json!({"id": id, "state": "discarded"});
                output.print(&done, &format!("letter {id} is discarded"))
            }
        }
    }
}

fn json_of(letter: &Letter) -> Result<Value, serde_json::Error> {
    let mut json = serde_json::to_value(letter)?;
    json["event"] = parsed(&letter.event);
    Ok(json)
}

fn table(letters: &[Letter]) -> String {
    let mut text = format!(
        "{:>8} {:9} {:>8} {:16} {:24} {}",
        "ID", "STATE", "ATTEMPTS", "CONSUMER", "KEY", "REASON"
    );
    for letter in letters {
        let key = letter.key.as_deref().unwrap_or("-");
        text += &format!(
            "\n{:>8} {:9} {:>8} {:16} {:24} {}",
            letter.id, letter.state, letter.attempts, letter.consumer, key, letter.reason
        );
    }
    text
}
