use clap::Subcommand;
use serde_json::{Value, json};
use tower_keep_durable::{BoxError, Db, Outbox};

use crate::{
    Reason,
    output::{Output, parsed},
};

#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// Shows what waits, and the events that the bus refused
    Status {
        /// So many refused events at most
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Publishes a refused event again, and then what waits behind it
    Release {
        /// Its position, from `status`
        position: i64,
    },
    /// Gives a refused event up; what waits behind it goes on
    Discard {
        /// Its position, from `status`
        position: i64,
        #[command(flatten)]
        reason: Reason,
    },
}

impl OutboxCommand {
    pub(crate) async fn run(self, db: Db, output: &Output) -> Result<(), BoxError> {
        let outbox = Outbox::new(db);
        match self {
            Self::Status { limit } => status(&outbox, limit, output).await,
            Self::Release { position } => {
                outbox.release(position).await?;
                let done = json!({"position": position, "state": "released"});
                output.print(&done, &format!("{position} will be published again"))
            }
            Self::Discard { position, reason } => {
                let Reason { by, reason } = reason;
                outbox.discard(position, &by, &reason).await?;
                let done = json!({"position": position, "state": "discarded"});
                output.print(&done, &format!("{position} is discarded"))
            }
        }
    }
}

async fn status(outbox: &Outbox, limit: u32, output: &Output) -> Result<(), BoxError> {
    let backlog = outbox.backlog().await?;
    let mut text = format!(
        "{} wait, the oldest for {:?}; {} refused",
        backlog.unsent, backlog.oldest, backlog.refused
    );
    let mut refused = Vec::new();
    for event in outbox.set_aside(limit).await? {
        text += &format!(
            "\n{:>8} key {}, {} behind it: {}",
            event.position,
            event.key.as_deref().unwrap_or("-"),
            event.waiting,
            event.reason
        );
        refused.push(json!({
            "position": event.position,
            "key": event.key,
            "waiting": event.waiting,
            "reason": event.reason,
            "event": parsed(&event.event),
        }));
    }
    let json = json!({
        "unsent": backlog.unsent,
        "oldest_seconds": backlog.oldest.as_secs_f64(),
        "refused": backlog.refused,
        "set_aside": Value::Array(refused),
    });
    output.print(&json, &text)
}
