//! Our layers as users get them, with defaults wherever a default says something.

mod admitted;
mod passing;
mod refused;
mod stacks;

use crate::{Cases, Expect};

pub use self::{
    refused::opened,
    stacks::{Five, five, five_http, rate},
};

/// All paths of all layers.
#[must_use]
pub fn cases() -> Cases {
    let mut cases = Cases::default();
    cases.plain("bare/admitted", Expect::Good, tower_layer::Identity::new);
    cases.http("bare/admitted", Expect::Good, tower_layer::Identity::new);
    cases.typed("bare/admitted", Expect::Good, tower_layer::Identity::new);
    admitted::add(&mut cases);
    passing::add(&mut cases);
    refused::add(&mut cases);
    stacks::add(&mut cases);
    crate::web::add(
        &mut cases,
        &["bare", "server_stack", "six"],
        crate::web::our_app,
    );
    passing::add_recorded(&mut cases);
    cases
}
