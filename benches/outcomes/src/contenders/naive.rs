use std::time::Duration;

use tokio::time::{sleep, timeout};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_keep_test::sim::{Client, Request};

use super::{Contender, Setting, bare::in_turn, is_bad};

/// The loop that everybody writes once.
#[derive(Clone, Copy, Debug)]
pub struct Naive;

impl Contender for Naive {
    fn name(&self) -> &'static str {
        "naive retries"
    }

    fn layers(&self) -> &'static str {
        "a loop: a timeout for each attempt, three more attempts after 100 ms each; replicas in turn"
    }

    fn client(&self, setting: &Setting, upstream: Client) -> Client {
        let attempt = setting.attempt;
        BoxCloneSyncService::new(service_fn(move |request: Request| {
            let upstream = upstream.clone();
            async move {
                let once = || timeout(attempt, upstream.clone().oneshot(request.clone()));
                for _ in 0..RETRIES {
                    match once().await {
                        Ok(Ok(answer)) if !is_bad(&answer) => return Ok(answer),
                        _ => sleep(WAIT).await,
                    }
                }
                once().await?
            }
        }))
    }

    fn server(&self, _: &Setting, work: Client) -> Client {
        work
    }

    fn balanced(&self, setting: &Setting, replicas: Vec<Client>) -> Client {
        self.client(setting, in_turn(replicas))
    }
}

const RETRIES: usize = 3;
const WAIT: Duration = Duration::from_millis(100);
