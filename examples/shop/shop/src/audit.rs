//! The books, checked again and again while customers order and things go wrong.

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use tokio::time::sleep;

use crate::check::{Services, during};

/// The pause between two checks: each reads all there is, and customers come first.
const PAUSE: Duration = Duration::from_secs(2);

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// How often everything could be read, and was right or wrong.
    pub(crate) checked: usize,
    /// How often a service gave no answer, as those that are killed.
    pub(crate) unread: usize,
    /// What did not add up.
    pub(crate) wrong: BTreeSet<String>,
}

impl Audit {
    /// Checks until it is dropped.
    pub(crate) async fn go_on(&mut self, services: &Services) -> Infallible {
        loop {
            sleep(PAUSE).await;
            match during(services).await {
                Ok(books) => {
                    self.checked += 1;
                    self.wrong.extend(books.wrong);
                }
                Err(_) => self.unread += 1,
            }
        }
    }
}
