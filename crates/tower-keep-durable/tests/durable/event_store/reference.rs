//! The store against plain lists.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::TestRunner};
use tokio::runtime::Handle;
use tower_keep_durable::{
    Db,
    event_store::{EventStore, Expected, Repository, StoreError},
};

use super::{SCHEMAS, added, all, append, load, repository::Sum};

#[derive(Debug, Clone)]
enum Step {
    /// To this stream, as if it had so many events, or wherever it is.
    Append(u8, Option<i64>, Vec<i64>),
    RollBack(u8, Vec<i64>),
    Decide(u8, Vec<i64>),
    Load(u8, i64, u32),
    LoseSnapshots,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let numbers = || prop::collection::vec(-9..9_i64, 0..4);
    let step = prop_oneof![
        3 => (0..3_u8, prop::option::of(0..6_i64), numbers()).prop_map(|(s, at, n)| Step::Append(s, at, n)),
        1 => (0..3_u8, numbers()).prop_map(|(s, n)| Step::RollBack(s, n)),
        3 => (0..3_u8, numbers()).prop_map(|(s, n)| Step::Decide(s, n)),
        2 => (0..3_u8, 0..9_i64, 1..5_u32).prop_map(|(s, after, limit)| Step::Load(s, after, limit)),
        1 => Just(Step::LoseSnapshots),
    ];
    prop::collection::vec(step, 1..25)
}

/// Streams of this case, and the log of all cases.
struct Lists {
    case: usize,
    streams: BTreeMap<String, Vec<i64>>,
}

impl Lists {
    async fn step(&mut self, db: &Db, log: &mut Vec<i64>, step: Step) {
        let store = EventStore::new(db);
        let sums = Repository::<Sum<1>>::new(&store).snapshot_every(2);
        let name = |stream: u8| format!("{}-{stream}", self.case);
        match step {
            Step::Append(stream, at, numbers) => {
                let list = self.streams.entry(name(stream)).or_default();
                let expected = match at {
                    None => Expected::Any,
                    Some(0) => Expected::Empty,
                    Some(version) => Expected::Version(version),
                };
                let events: Vec<_> = numbers.iter().map(|n| added(*n)).collect();
                let there = list.len() as i64;
                match append(db, &name(stream), expected, &events).await {
                    Ok(appended) => {
                        assert!(at.is_none_or(|at| at == there));
                        list.extend(&numbers);
                        log.extend(numbers);
                        assert_eq!(appended.version, list.len() as i64);
                    }
                    Err(StoreError::Conflict { actual, .. }) => {
                        assert_eq!(actual, there);
                        assert_ne!(at, Some(there));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            Step::RollBack(stream, numbers) => {
                let events: Vec<_> = numbers.iter().map(|n| added(*n)).collect();
                let mut tx = db.begin_write().await.unwrap();
                store
                    .append(&mut tx, &name(stream), Expected::Any, &events)
                    .await
                    .unwrap();
                tx.rollback().await.unwrap();
            }
            Step::Decide(stream, numbers) => {
                let list = self.streams.entry(name(stream)).or_default();
                let mut tx = db.begin_write().await.unwrap();
                let decided = sums
                    .decide(&mut tx, &name(stream), |sum| {
                        assert_eq!(
                            (sum.sum, sum.events),
                            (list.iter().sum(), list.len() as i64)
                        );
                        Ok::<_, ()>(numbers.iter().map(|n| added(*n)).collect())
                    })
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                list.extend(&numbers);
                log.extend(numbers);
                assert_eq!(decided.state.sum, list.iter().sum::<i64>());
            }
            Step::Load(stream, after, limit) => {
                let list = self.streams.entry(name(stream)).or_default();
                let loaded = load(db, &name(stream), after, limit).await;
                let numbers: Vec<i64> = loaded.iter().map(|event| event.read().unwrap()).collect();
                let (after, limit) = (after as usize, limit as usize);
                let expected: Vec<_> = list.iter().skip(after).take(limit).copied().collect();
                assert_eq!(numbers, expected);
            }
            Step::LoseSnapshots => {
                sqlx::query("DELETE FROM keep_snapshots")
                    .execute(db.pool())
                    .await
                    .unwrap();
            }
        }
    }
}

async fn it_is_lists_of_events(db: Db) {
    let handle = Handle::current();
    let cases = tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(ProptestConfig::with_cases(20));
        let state = std::sync::Mutex::new((0, Vec::new()));
        runner.run(&steps(), |steps| {
            let (case, log) = &mut *state.lock().unwrap();
            *case += 1;
            let mut lists = Lists {
                case: *case,
                streams: BTreeMap::new(),
            };
            handle.block_on(async {
                for step in steps {
                    lists.step(&db, log, step).await;
                }
                assert_eq!(all(&db, 7).await, *log);
            });
            Ok(())
        })
    });
    cases.await.unwrap().unwrap();
}

on_both! { it_is_lists_of_events }
