//! Each step of an order goes wrong in each way: between orders and its peers, and for sure.

use serde_json::{Value, json};
use tower_keep_durable::{Db, saga::Sagas};

use crate::{
    fleet::{Fleet, Setup},
    proxy::{Fault, Rule},
};

/// Steps that are undone when their peer says no, and those that come after the point of no return.
const BEFORE: [&str; 2] = ["POST /reservations", "POST /payments"];
const AFTER: [&str; 3] = ["POST /capture", "POST /commit", "POST /shipments"];
/// The steps of a cancellation.
const UNDO: [&str; 3] = [
    "DELETE /shipments/*",
    "POST /refund",
    "DELETE /reservations/*",
];
/// More often than a call is repeated within one try of a step.
const OFTEN: usize = 4;

async fn order(fleet: &mut Fleet, of: &str, fault: Fault) -> String {
    let key = format!("{of}-{fault:?}").replace([' ', '/', '*'], "-");
    let order = json!({"customer": "cus_anna", "lines": [{"product": "tea", "quantity": 1}]});
    let (_, answer) = fleet.post("orders", "/orders", &key, &order).await;
    let id = [&answer["id"], &answer["order"]]
        .into_iter()
        .find_map(Value::as_str);
    id.unwrap_or_else(|| panic!("no order: {answer}"))
        .to_owned()
}

async fn ends(fleet: &mut Fleet, id: &str, must: &str) {
    let url = format!("{}/orders/{id}", fleet.url("orders"));
    fleet
        .until(&format!("{id} is {must}"), async |fleet| {
            let found = fleet.web.get(&url).await;
            found.is_some_and(|(_, order)| order["status"] == must)
        })
        .await;
}

/// Places an order of which this goes wrong, and waits until it did.
async fn one(fleet: &mut Fleet, of: &'static str, fault: Fault) -> String {
    let times = match fault {
        Fault::Twice | Fault::Reject => 1,
        _ => OFTEN,
    };
    let rule = Rule { fault, of, times };
    fleet.proxy.as_ref().unwrap().obey(rule.clone());
    let id = order(fleet, of, fault).await;
    fleet
        .until(&format!("it happens: {rule:?}"), async |fleet| {
            fleet.proxy.as_ref().unwrap().happened() == rule.times
        })
        .await;
    id
}

/// How often it went wrong; a fault that never happened proves nothing.
fn assert_happened(fleet: &Fleet, rule: &Rule) {
    let happened = fleet.proxy.as_ref().unwrap().happened();
    assert_eq!(happened, rule.times, "{rule:?}");
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_step_the_order_ends_as_it_must() {
    let setup = Setup {
        is_proxied: true,
        ..Setup::default()
    };
    let mut fleet = Fleet::start(setup).await;
    let all = BEFORE.iter().chain(&AFTER);
    let faults = [
        Fault::LoseRequest,
        Fault::LoseReply,
        Fault::NotSent,
        Fault::Twice,
    ];
    for (of, fault) in all.flat_map(|of| faults.map(|fault| (*of, fault))) {
        let id = one(&mut fleet, of, fault).await;
        ends(&mut fleet, &id, "completed").await;
    }
    for of in BEFORE {
        let id = one(&mut fleet, of, Fault::Reject).await;
        ends(&mut fleet, &id, "rejected").await;
    }
    fleet.audit().await.unwrap();
}

/// There is no way back and the peer says no: nobody but a person can know what that means.
#[tokio::test]
async fn a_no_after_the_point_of_no_return_waits_for_a_person() {
    let setup = Setup {
        is_proxied: true,
        ..Setup::default()
    };
    let mut fleet = Fleet::start(setup).await;
    for of in AFTER {
        let id = one(&mut fleet, of, Fault::Reject).await;
        let url = format!("{}/orders/{id}/saga", fleet.url("orders"));
        fleet
            .until(&format!("the saga of {id} is parked"), async |fleet| {
                let found = fleet.web.get(&url).await;
                found.is_some_and(|(_, saga)| saga["status"] == "parked")
            })
            .await;
        // It is neither done nor undone, and nothing of it is lost.
        ends(&mut fleet, &id, "confirmed").await;
        let checked = fleet.check(&["--wait", "0"]);
        assert_eq!(checked.status.code(), Some(0), "{checked:?}");
        let db = Db::open(&fleet.database("orders"), &[]).await.unwrap();
        let sagas = Sagas::new(&db);
        sagas.retry(&format!("place-order:{id}")).await.unwrap();
        db.pool().close().await;
        ends(&mut fleet, &id, "completed").await;
    }
    fleet.audit().await.unwrap();
}

#[tokio::test]
async fn whatever_goes_wrong_with_an_undo_it_is_done() {
    let setup = Setup {
        is_proxied: true,
        ..Setup::default()
    };
    let mut fleet = Fleet::start(setup).await;
    for (of, fault) in UNDO.iter().flat_map(|of| {
        [
            Fault::LoseRequest,
            Fault::LoseReply,
            Fault::NotSent,
            Fault::Twice,
        ]
        .map(|fault| (*of, fault))
    }) {
        let id = order(&mut fleet, of, fault).await;
        ends(&mut fleet, &id, "completed").await;
        let times = if fault == Fault::Twice { 1 } else { OFTEN };
        let rule = Rule { fault, of, times };
        fleet.proxy.as_ref().unwrap().obey(rule.clone());
        fleet
            .post(
                "orders",
                &format!("/orders/{id}/cancel"),
                "cancel",
                &json!({}),
            )
            .await;
        ends(&mut fleet, &id, "cancelled").await;
        assert_happened(&fleet, &rule);
    }
    fleet.audit().await.unwrap();
}
