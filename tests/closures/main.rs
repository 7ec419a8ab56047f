//! A panic in every closure that a user can give: it reaches the caller of that one call, or nobody
//! where the docs say that it is contained, and the layer goes on as if nothing had been.
//!
//! [`table`] has a row for each of them, and a check of its own sees to it that none is missing. A binary
//! of its own, since two of the closures are for the whole process.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod complete;
mod subject;
mod table;
mod trap;

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;

use self::{
    subject::Subject,
    table::{Reaches, TABLE},
    trap::Trap,
};

/// Often enough that a layer with room for one call shows what it keeps of each.
const ROUNDS: usize = 5;

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_calls_and_leaves_nothing_behind() {
    let mut broken = Vec::new();
    for (closure, reaches, make) in TABLE {
        let row = AssertUnwindSafe(check(*reaches, *make));
        if let Err(panic) = row.catch_unwind().await {
            let why = panic.downcast_ref::<String>().cloned();
            broken.push(format!("{closure}: {}", why.unwrap_or_default()));
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

async fn check(reaches: Reaches, make: fn(Trap) -> Subject) {
    let trap = Trap::default();
    let subject = make(trap.clone());
    let usual = subject.call().await;
    pass().await;
    subject.rest("at first");
    for round in 0..ROUNDS {
        trap.set();
        let ended = AssertUnwindSafe(subject.call()).catch_unwind().await;
        pass().await;
        let is_asked = round == 0 || !matches!(reaches, Reaches::NobodyAgain);
        assert_eq!(trap.has_sprung(), is_asked, "asked in round {round}");
        match (reaches, ended) {
            (Reaches::Caller, Ok(status)) => panic!("the caller got {status} instead of the panic"),
            (Reaches::Caller, Err(_)) => {}
            (_, Err(_)) => panic!("reached the caller"),
            (_, Ok(status)) => assert_eq!(status, usual, "changed the answer"),
        }
        subject.rest("after the panic");
        let next = tokio::time::timeout(Duration::from_secs(60), subject.call()).await;
        assert_eq!(next, Ok(usual), "the next call of round {round}");
        pass().await;
        subject.rest("after the next call");
    }
}

/// What runs in the background, or after a while, has its turn.
async fn pass() {
    tokio::time::sleep(Duration::from_secs(60)).await;
}
