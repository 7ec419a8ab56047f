use clap::Subcommand;
use serde_json::{Value, json};
use tower_keep_durable::{
    BoxError, Db,
    saga::{LogLine, Record, SagaError, Sagas, Status},
};

use crate::output::{Output, parsed};

#[derive(Debug, Subcommand)]
pub(crate) enum SagasCommand {
    /// Shows sagas, oldest first: those that have not ended, or those of a status
    List {
        /// In this status only: running, compensating, parked, completed, compensated, abandoned
        #[arg(long, value_parser = status)]
        status: Option<Status>,
        /// So many at most
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Shows one saga with its log
    Show {
        /// Its id
        id: String,
    },
    /// Has sagas go on now: parked ones where they stopped, waiting ones without waiting longer
    Retry {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Gives a saga up for good: nothing of it is done or undone any more
    Abandon {
        /// Its id
        id: String,
        /// Why; kept with it
        #[arg(long)]
        reason: String,
        /// What is left to be done, and by whom; kept with it
        #[arg(long)]
        comment: String,
    },
}

impl SagasCommand {
    pub(crate) async fn run(self, db: Db, output: &Output) -> Result<(), BoxError> {
        let sagas = Sagas::new(&db);
        match self {
            Self::List { status, limit } => {
                let found = sagas.list(status, limit).await?;
                let all = found.iter().map(json_of).collect();
                output.print(&Value::Array(all), &table(&found))
            }
            Self::Show { id } => {
                let found = sagas.get(&id).await?;
                let record = found.ok_or_else(|| SagaError::Missing(id.clone()))?;
                let log = sagas.log(&id).await?;
                let mut json = json_of(&record);
                json["log"] = log.iter().map(json_of_line).collect();
                let lines: Vec<_> = log.iter().map(line).collect();
                let head = table(std::slice::from_ref(&record));
                let state = &json["state"];
                let text = format!("{head}\nstate {state:#}\n{}", lines.join("\n"));
                output.print(&json, &text)
            }
            Self::Retry { ids } => {
                for id in ids {
                    sagas.retry(&id).await?;
                    let done = json!({"id": id, "due": "now"});
                    output.print(&done, &format!("saga {id} goes on"))?;
                }
                Ok(())
            }
            Self::Abandon {
                id,
                reason,
                comment,
            } => {
                sagas.abandon(&id, &reason, &comment).await?;
                let done = json!({"id": id, "status": "abandoned"});
                output.print(&done, &format!("saga {id} is abandoned"))
            }
        }
    }
}

fn status(word: &str) -> Result<Status, String> {
    Status::parse(word).ok_or_else(|| {
        let words = Status::ALL.map(Status::as_str).join(", ");
        format!("give one of {words}")
    })
}

fn json_of(record: &Record) -> Value {
    json!({
        "id": record.id,
        "name": record.name,
        "plan": record.plan,
        "status": record.status.as_str(),
        "step": record.step,
        "attempt": record.attempt,
        "ambiguous": record.ambiguous,
        "error": record.error,
        "next_at": record.next_at,
        "deadline_at": record.deadline_at,
        "lease_until": record.lease_until,
        "epoch": record.epoch,
        "created_at": record.created_at,
        "logged_at": record.logged_at,
        "state": parsed(&record.state),
    })
}

fn json_of_line(line: &LogLine) -> Value {
    json!({
        "seq": line.seq,
        "event": line.event,
        "step": line.step,
        "attempt": line.attempt,
        "epoch": line.epoch,
        "status": line.status,
        "at": line.at,
        "data": parsed(&line.data),
    })
}

fn line(line: &LogLine) -> String {
    format!(
        "{:>4} {:14} {:24} try {:<3} -> {:12} {}",
        line.seq, line.event, line.step, line.attempt, line.status, line.data
    )
}

fn table(records: &[Record]) -> String {
    let mut text = format!(
        "{:36} {:12} {:20} {:20} {:>5} {}",
        "ID", "STATUS", "PLAN", "STEP", "TRIES", "ERROR"
    );
    for record in records {
        let status = record.status.as_str();
        let error = record.error.as_deref().unwrap_or("-");
        text += &format!(
            "\n{:36} {status:12} {:20} {:20} {:>5} {error}",
            record.id, record.plan, record.step, record.attempt
        );
    }
    text
}
