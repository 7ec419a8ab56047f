//! `shop check` from outside.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    fleet::{Fleet, Setup},
    story,
};

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn it_says_what_is_right_what_is_wrong_and_what_it_could_not_read() {
    let mut fleet = Fleet::start(Setup::default()).await;
    story::play(&mut fleet).await.unwrap();

    let right = fleet.check(&[]);
    assert_eq!(right.status.code(), Some(0), "{}", said(&right));
    assert!(said(&right).contains("No money and no stock was lost or doubled"));
    let json = fleet.check(&["--json", "--settled"]);
    let books: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&books["right"], &books["open"]), (&json!(true), &json!(0)));
    assert_eq!(
        books["orders"],
        json!({"cancelled": 3, "completed": 1, "rejected": 2})
    );
    let tea = json!({"seeded": 500, "free": 498, "held": 0, "taken": 2});
    assert_eq!(books["stock"]["tea"], tea);
    assert_eq!(books["money"]["EUR"]["taken"], 2 * 690);

    // Goods that are held for an order that nobody placed.
    let uuid = uuid::Uuid::now_v7();
    let hold = json!({"id": format!("res_{uuid}"), "order": format!("ord_{uuid}"),
                      "lines": [{"product": "mug", "quantity": 1}]});
    fleet
        .post("inventory", "/reservations", "nobody", &hold)
        .await;
    let wrong = fleet.check(&[]);
    assert_eq!(wrong.status.code(), Some(1));
    let line = format!("WRONG   res_{uuid} is held, and there is no such order");
    assert!(said(&wrong).contains(&line), "{}", said(&wrong));
    let url = format!("{}/reservations/res_{uuid}", fleet.url("inventory"));
    assert_eq!(fleet.web.delete(&url).await.unwrap().0, 200);
    assert_eq!(fleet.check(&[]).status.code(), Some(0));

    fleet.bury("shipping").await;
    let unread = fleet.check(&[]);
    assert_eq!(unread.status.code(), Some(2));
    let error = String::from_utf8_lossy(&unread.stderr).into_owned();
    assert!(
        error.starts_with("error: shipping at http://127.0.0.1:"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[tokio::test]
async fn an_order_that_is_under_way_is_neither_right_nor_wrong() {
    let mut fleet = Fleet::start(Setup::default()).await;
    fleet.signal("cards", Signal::STOP);
    let order = json!({"customer": "cus_anna", "lines": [{"product": "tea", "quantity": 1}]});
    let (status, _) = fleet.post("orders", "/orders", "stuck", &order).await;
    assert_eq!(status, 202);
    fleet.signal("cards", Signal::CONT);
    // The books of the cards are there again, and payments has not asked yet, or has: both is right.
    let now = fleet.check(&["--wait", "0", "--json"]);
    assert_eq!(now.status.code(), Some(0), "{}", said(&now));
    fleet.audit().await.unwrap();
}
