use std::{future::pending, panic::resume_unwind, pin::pin, sync::Arc, time::Duration};

use tokio::{
    select,
    sync::{Notify, oneshot},
    task::{JoinError, JoinHandle},
    time::sleep,
};

use super::{
    config::TableConfig,
    delivery::delivery,
    lanes::{Lanes, Step},
    lookout::{Look, Lookout},
    operation::{Change, Claim, ClaimId, Operation, Then},
    poll::Poll,
    reading,
    writer::Writer,
};
use crate::{
    Db,
    bus::{Boxed, BusError, Delivery, Source, Types},
    db::micros,
    observe,
};

/// How long at most until the next look: other processes do not say when they give something back.
const LOOK: Duration = Duration::from_millis(100);

/// How long a partition waits whose next event cannot be read.
const UNREADABLE: Duration = Duration::from_secs(5);

/// A look on its way.
pub(super) type Looking = JoinHandle<(Lookout, Result<Look, sqlx::Error>)>;

/// One member of a group.
pub(super) struct Member {
    pub(super) db: Db,
    pub(super) config: Arc<TableConfig>,
    pub(super) types: Types,
    pub(super) writer: Writer,
    pub(super) lanes: Arc<Lanes>,
    pub(super) changed: Arc<Notify>,
    pub(super) lookout: Lookout,
    /// A look that was begun, with the lookout: it outlives a `next` that is dropped. Whoever drops one
    /// after the other, sooner than a look takes, comes by its events all the same.
    pub(super) looking: Option<Looking>,
    /// A claim that was asked for: it outlives a `next` that is dropped.
    pub(super) claiming: Option<oneshot::Receiver<Result<Option<Claim>, BusError>>>,
    pub(super) _poll: Arc<Poll>,
}

impl Member {
    fn change(&self, claim: ClaimId, change: Change) {
        self.writer.send(Operation::Change {
            lanes: Arc::clone(&self.lanes),
            claim,
            change,
            answer: None,
        });
    }

    async fn read(&self, claim: Claim) -> Result<(), BusError> {
        let from = self.lookout.beyond(claim.id.part, claim.passed);
        let batch = self.config.batch;
        let read = reading::read(&self.db, claim.id, from, &self.types, batch).await?;
        let nothing_before = read.events.is_empty() && read.end == from;
        if let (true, Some(reason)) = (nothing_before, &read.unreadable) {
            observe::failed(
                "bus",
                &format!("partition {} waits: {reason}", claim.id.part).into(),
            );
        }
        let unreadable = read.unreadable.is_some();
        if !self.lanes.fill(claim.id, read.events, read.end, read.full) {
            let change = match (nothing_before, unreadable) {
                (true, true) => Change::Retry { delay: UNREADABLE },
                (true, false) => Change::GiveBack { untouched: true },
                (false, _) => Change::Pass {
                    to: read.end,
                    then: Then::GiveBack { soon: true },
                },
            };
            self.change(claim.id, change);
        }
        Ok(())
    }

    /// Looks for what may be claimed, in a task of its own.
    fn look(&mut self) -> Looking {
        let (db, types, lanes) = (self.db.clone(), self.types.clone(), Arc::clone(&self.lanes));
        // Comes back with what was found; what is read meanwhile does without it.
        let mut lookout = std::mem::replace(&mut self.lookout, Lookout::new());
        tokio::spawn(async move {
            let read_to = |part| lanes.read_to(part);
            let look = lookout.look(&db, lanes.group(), &types, read_to).await;
            (lookout, look)
        })
    }

    /// What a look has found, if one was begun.
    async fn looked(looking: &mut Option<Looking>) -> (Lookout, Result<Look, BusError>) {
        let Some(look) = looking else {
            return pending().await;
        };
        let looked = look.await;
        *looking = None;
        match looked.map_err(JoinError::try_into_panic) {
            Ok((lookout, look)) => (lookout, look.map_err(BusError::from)),
            Err(Ok(panic)) => resume_unwind(panic),
            Err(Err(_)) => (Lookout::new(), Err(shutting_down())),
        }
    }

    /// Takes the answer to a claim, if one was asked for.
    async fn claimed(
        claiming: &mut Option<oneshot::Receiver<Result<Option<Claim>, BusError>>>,
    ) -> Result<Option<Claim>, BusError> {
        let Some(answer) = claiming else {
            return pending().await;
        };
        let claim = answer.await;
        *claiming = None;
        claim.unwrap_or_else(|_| Err(shutting_down()))
    }
}

fn shutting_down() -> BusError {
    BusError::unavailable("the runtime is shutting down")
}

impl Source for Member {
    fn next(&mut self) -> Boxed<'_, Result<Delivery, BusError>> {
        Box::pin(async {
            let (lanes, anything) = (Arc::clone(&self.lanes), Arc::clone(&self.changed));
            loop {
                let mut own = pin!(lanes.changed.notified());
                let mut any = pin!(anything.notified());
                // From here on: what changes after the look below is not missed.
                own.as_mut().enable();
                any.as_mut().enable();
                // With half of a lease left, a handler has time until its first progress.
                let soon = self.db.now().saturating_add(micros(self.config.lease / 2));
                match lanes.step(soon) {
                    Step::Deliver(handout) => {
                        return Ok(delivery(
                            handout,
                            Arc::clone(&self.lanes),
                            self.writer.clone(),
                        ));
                    }
                    Step::Read(claim) => {
                        self.read(claim).await?;
                        continue;
                    }
                    Step::Prolong(claim) => {
                        self.change(claim, Change::Keep);
                        continue;
                    }
                    Step::Claim => {}
                }
                if self.claiming.is_some() {
                    select! {
                        claim = Self::claimed(&mut self.claiming) => {
                            if let Some(claim) = claim? {
                                lanes.add(claim);
                            }
                        }
                        () = own => {}
                    }
                    continue;
                }
                // Begun before this `next` listened, it may have missed what changed.
                let is_old = self.looking.is_some();
                if !is_old {
                    self.looking = Some(self.look());
                }
                let look = select! {
                    (lookout, look) = Self::looked(&mut self.looking) => {
                        self.lookout = lookout;
                        look?
                    }
                    () = own.as_mut() => continue,
                };
                let group: Arc<str> = lanes.group().into();
                if !look.skips.is_empty() {
                    self.writer.send(Operation::Skip {
                        group: Arc::clone(&group),
                        skips: look.skips,
                    });
                }
                for part in &look.more {
                    lanes.note_more(*part);
                }
                if !look.more.is_empty() {
                    // Its acknowledgement may wait for company.
                    self.writer.send(Operation::Now);
                }
                if !look.free.is_empty() {
                    let (answer, answered) = oneshot::channel();
                    self.writer.send(Operation::Claim {
                        group,
                        free: look.free,
                        answer,
                    });
                    self.claiming = Some(answered);
                    continue;
                }
                if is_old {
                    continue;
                }
                let wait = look.not_before.map_or(LOOK, |at| {
                    let micros = at.saturating_sub(self.db.now());
                    Duration::from_micros(u64::try_from(micros).unwrap_or_default()).min(LOOK)
                });
                select! {
                    () = own => {}
                    () = any => {}
                    () = sleep(wait) => {}
                }
            }
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // What nobody works on is for the others at once. A claim that is still on its way is given
        // back by the writer, and what is with a handler stays with it until it ends.
        for claim in self.lanes.close() {
            self.change(claim, Change::GiveBack { untouched: true });
        }
    }
}
