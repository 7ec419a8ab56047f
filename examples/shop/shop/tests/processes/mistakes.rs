//! Services that make known mistakes. The story and `shop check` have to find each: a proof that cannot
//! fail is none.

use shop_kit::drills::mistakes::{ATTEMPT_IN_KEY, NO_TOMBSTONE, REFUSAL_FORGOTTEN};

use crate::{
    fleet::{Fleet, Setup},
    proxy::{Fault, Rule},
    story,
};

async fn found(mistake: &'static str) -> String {
    let setup = Setup {
        mistake: Some(mistake),
        is_proxied: true,
        ..Setup::default()
    };
    let mut fleet = Fleet::start(setup).await;
    // A step has to be tried twice for its key to matter: so many answers are lost.
    let rule = Rule {
        fault: Fault::LoseReply,
        of: "POST /reservations",
        times: 4,
    };
    fleet.proxy.as_ref().unwrap().obey(rule);
    let played = story::play(&mut fleet).await;
    assert!(fleet.proxy.as_ref().unwrap().happened() > 0);
    played.expect_err(mistake)
}

#[tokio::test]
async fn a_number_of_the_try_in_the_key_is_found() {
    let wrong = found(ATTEMPT_IN_KEY).await;
    assert!(wrong.contains("is rejected and not completed"), "{wrong}");
}

#[tokio::test]
async fn an_undo_that_is_not_remembered_is_found() {
    let wrong = found(NO_TOMBSTONE).await;
    assert!(
        wrong.contains("is held, and there is no such order"),
        "{wrong}"
    );
}

#[tokio::test]
async fn a_refusal_that_is_forgotten_is_found() {
    let wrong = found(REFUSAL_FORGOTTEN).await;
    assert!(wrong.contains("is rejected and its stock"), "{wrong}");
}
