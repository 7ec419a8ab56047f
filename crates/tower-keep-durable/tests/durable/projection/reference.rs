//! The view against sums of the log, whatever happens in whatever order.

use proptest::{prelude::*, test_runner::TestRunner};
use tokio::runtime::Handle;
use tower_keep_durable::Db;

use super::{SCHEMAS, add, cut_off, drain, expected, runner, seen};

#[derive(Debug, Clone)]
enum Step {
    Append(u8, Vec<i64>),
    Pass(u32),
    CutOff(usize),
    Rebuild,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let numbers = prop::collection::vec(-9..9_i64, 1..4);
    let step = prop_oneof![
        3 => (0..3_u8, numbers).prop_map(|(stream, n)| Step::Append(stream, n)),
        4 => (1..5_u32).prop_map(Step::Pass),
        1 => (0..30_usize).prop_map(Step::CutOff),
        1 => Just(Step::Rebuild),
    ];
    prop::collection::vec(step, 1..25)
}

async fn it_shows_the_log_up_to_its_checkpoint(db: Db) {
    let handle = Handle::current();
    let cases = tokio::task::spawn_blocking(move || {
        let mut proptests = TestRunner::new(ProptestConfig::with_cases(15));
        handle.block_on(drain(&runner::<1>(&db)));
        proptests.run(&steps(), |steps| {
            handle.block_on(async {
                let (mut before, _) = seen(&db).await;
                for step in steps {
                    match step {
                        Step::Append(stream, numbers) => {
                            add(&db, &stream.to_string(), numbers).await;
                        }
                        Step::Pass(batch) => {
                            runner::<1>(&db).batch(batch).pass().await.unwrap();
                        }
                        Step::CutOff(pendings) => {
                            cut_off(runner::<1>(&db).pass(), pendings).await;
                        }
                        Step::Rebuild => runner::<1>(&db).rebuild().await.unwrap(),
                    }
                    let (position, shown) = seen(&db).await;
                    assert!(position >= before, "readers never go back");
                    before = position;
                    assert_eq!(shown, expected(&db, position).await);
                }
                drain(&runner::<1>(&db)).await;
                assert_eq!(seen(&db).await.1, expected(&db, i64::MAX).await);
            });
            Ok(())
        })
    });
    cases.await.unwrap().unwrap();
}

on_both! { it_shows_the_log_up_to_its_checkpoint }
