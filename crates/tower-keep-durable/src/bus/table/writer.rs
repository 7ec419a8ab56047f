use std::{collections::BTreeSet, pin::pin, sync::Arc, time::Duration};

use tokio::{
    select,
    sync::{
        Notify,
        mpsc::{self, UnboundedReceiver},
    },
    time::sleep,
};

use super::{
    config::TableConfig,
    lanes::Lanes,
    log,
    operation::{Change, Claim, ClaimId, Operation},
};
use crate::{Db, Tx, bus::BusError, db::micros, observe};

/// How many operations go into one transaction at most.
const TOGETHER: usize = 256;

/// How long an acknowledgement waits for company after which nothing else is to be given out: about
/// as long as a commit takes. What is published or claimed meanwhile takes it along, so that an event
/// at leisure costs its reader one commit here and not two.
const LINGER: Duration = Duration::from_millis(2);

/// The way to the one task of this process that writes.
///
/// The queue has no bound of its own: nobody has more than one operation in it for each call that
/// waits and each partition that is claimed.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::UnboundedSender<Operation>,
}

impl Writer {
    /// Starts the task; it ends when the last of these has gone and what was queued is written.
    pub(super) fn start(db: Db, config: Arc<TableConfig>, changed: Arc<Notify>) -> Self {
        let (queue, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let writing = Writing {
                db,
                config,
                changed,
            };
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, TOGETHER).await > 0 {
                gather(&mut waiting, &mut batch).await;
                batch.retain(|operation| !matches!(operation, Operation::Now));
                let mut now = std::mem::take(&mut batch);
                while !now.is_empty() {
                    now = writing.write(now).await;
                }
            }
        });
        Self { queue }
    }

    /// Queues it. If the runtime is being shut down, nobody answers.
    pub(super) fn send(&self, operation: Operation) {
        let _ = self.queue.send(operation);
    }
}

/// Waits a little for company, if all of these can wait.
async fn gather(waiting: &mut UnboundedReceiver<Operation>, batch: &mut Vec<Operation>) {
    let mut end = pin!(sleep(LINGER));
    while batch.iter().all(Operation::can_wait) && batch.len() < TOGETHER {
        let room = TOGETHER - batch.len();
        select! {
            () = &mut end => return,
            // What was received is in the batch even if this is dropped; nothing: all have gone.
            count = waiting.recv_many(batch, room) => if count == 0 {
                return;
            },
        }
    }
}

/// What an operation came to.
enum Outcome {
    Done,
    Claimed(Option<Claim>),
    /// False: it is not ours any more.
    Changed(bool, i64),
}

struct Writing {
    db: Db,
    config: Arc<TableConfig>,
    changed: Arc<Notify>,
}

impl Writing {
    /// Writes these, and gives what is to be written because of them.
    async fn write(&self, batch: Vec<Operation>) -> Vec<Operation> {
        let mut more = Vec::new();
        let news = batch.iter().any(Operation::is_news);
        match self.commit(&batch).await {
            Ok(outcomes) => {
                for (operation, outcome) in batch.into_iter().zip(outcomes) {
                    more.extend(self.settle(operation, Ok(outcome)));
                }
            }
            Err(error) if batch.len() == 1 => {
                for operation in batch {
                    more.extend(self.settle(operation, Err(&error)));
                }
            }
            // One of them may be what fails, and the others are not to blame.
            Err(_) => {
                for operation in batch {
                    match self.commit(std::slice::from_ref(&operation)).await {
                        Ok(mut outcomes) => {
                            let outcome = outcomes.pop().unwrap_or(Outcome::Done);
                            more.extend(self.settle(operation, Ok(outcome)));
                        }
                        Err(error) => more.extend(self.settle(operation, Err(&error))),
                    }
                }
            }
        }
        if news {
            self.changed.notify_waiters();
        }
        more
    }

    async fn commit(&self, batch: &[Operation]) -> Result<Vec<Outcome>, sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let parts: BTreeSet<i64> = batch
            .iter()
            .flat_map(|operation| match operation {
                Operation::Publish { rows, .. } => &**rows,
                _ => &[],
            })
            .map(|row| row.part)
            .collect();
        log::lock(&mut tx, self.db.engine(), &parts).await?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for operation in batch {
            outcomes.push(self.apply(&mut tx, operation).await?);
        }
        tx.commit().await?;
        Ok(outcomes)
    }

    async fn apply(&self, tx: &mut Tx, operation: &Operation) -> Result<Outcome, sqlx::Error> {
        let now = self.db.now();
        let until = now.saturating_add(micros(self.config.lease));
        match operation {
            Operation::Publish { rows, .. } => {
                log::append(tx, rows, now).await.map(|()| Outcome::Done)
            }
            Operation::Now => Ok(Outcome::Done),
            Operation::Skip { group, skips } => log::skip(tx, group, skips, now)
                .await
                .map(|()| Outcome::Done),
            Operation::Claim {
                group,
                free,
                answer,
            } => {
                if answer.is_closed() {
                    return Ok(Outcome::Claimed(None));
                }
                log::claim(tx, group, free, now, until)
                    .await
                    .map(Outcome::Claimed)
            }
            Operation::Change {
                lanes,
                claim,
                change,
                ..
            } => {
                let group = lanes.group();
                let ours = log::change(tx, group, *claim, *change, now, until).await?;
                Ok(Outcome::Changed(ours, until))
            }
        }
    }

    /// Tells whoever waits, and gives what is to be given back since nobody does.
    fn settle(
        &self,
        operation: Operation,
        outcome: Result<Outcome, &sqlx::Error>,
    ) -> Option<Operation> {
        let failed = outcome
            .as_ref()
            .err()
            .map(|error| BusError::unavailable(error.to_string()));
        match operation {
            Operation::Publish { answer, .. } => {
                let _ = answer.send(failed.map_or(Ok(()), Err));
                None
            }
            Operation::Now => None,
            Operation::Skip { .. } => {
                // It is found again at the next look.
                if let Some(error) = failed {
                    observe::failed("bus", &error.into());
                }
                None
            }
            Operation::Claim { group, answer, .. } => {
                let claim = match outcome {
                    Ok(Outcome::Claimed(claim)) => claim,
                    _ => None,
                };
                let unheard = answer.send(failed.map_or(Ok(claim), Err));
                match unheard {
                    Err(Ok(Some(claim))) => Some(give_back(Arc::new(Lanes::new(group)), claim.id)),
                    _ => None,
                }
            }
            Operation::Change {
                lanes,
                claim,
                change,
                answer,
            } => {
                let (result, orphaned) = match outcome {
                    Ok(Outcome::Changed(true, until)) => {
                        (Ok(()), lanes.changed(claim, change, Some(until)))
                    }
                    Ok(_) => {
                        lanes.remove(claim);
                        (Err(BusError::TakenOver), false)
                    }
                    Err(_) => {
                        let orphaned = lanes.changed(claim, change, None);
                        (failed.map_or(Ok(()), Err), orphaned)
                    }
                };
                if let Some(answer) = answer {
                    let _ = answer.send(result);
                }
                orphaned.then(|| give_back(lanes, claim))
            }
        }
    }
}

fn give_back(lanes: Arc<Lanes>, claim: ClaimId) -> Operation {
    Operation::Change {
        lanes,
        claim,
        change: Change::GiveBack { untouched: true },
        answer: None,
    }
}
