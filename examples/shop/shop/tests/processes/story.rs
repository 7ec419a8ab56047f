//! What customers do in every drill, what has to become of it, and what comes late.

use serde_json::{Value, json};

use crate::fleet::Fleet;

/// One order, and what has to become of it.
struct Told {
    id: String,
    line: Value,
    customer: &'static str,
    must: &'static str,
}

/// Orders that are completed, declined, out of stock and cancelled; then their money and goods are
/// freed, everything that was ever asked for is asked for again, and the books are checked each time.
///
/// # Errors
/// What is not as it must be.
pub(crate) async fn play(fleet: &mut Fleet) -> Result<(), String> {
    let mut told = Vec::new();
    for (key, customer, product, quantity, must) in [
        ("tea", "cus_anna", "tea", 2, "completed"),
        ("all of ivan's money", "cus_ivan", "mug", 6, "completed"),
        ("more than that", "cus_ivan", "tea", 2, "rejected"),
        ("all telescopes", "cus_bela", "telescope", 5, "completed"),
        ("one more", "cus_carl", "telescope", 1, "rejected"),
        ("a lamp", "cus_dora", "lamp", 1, "completed"),
    ] {
        let line = json!({"product": product, "quantity": quantity});
        let order = json!({"customer": customer, "lines": [line]});
        let key = key.replace(' ', "-");
        let (_, answer) = fleet.post("orders", "/orders", &key, &order).await;
        let id = [&answer["id"], &answer["order"]]
            .into_iter()
            .find_map(Value::as_str);
        let id = id.ok_or_else(|| format!("no order: {answer}"))?.to_owned();
        told.push(Told {
            id,
            line,
            customer,
            must,
        });
        settle(fleet, &told).await?;
    }
    fleet.audit().await?;

    // What is freed could be taken by those who were refused, if they were not known again.
    for at in [1, 3, 5] {
        let path = format!("/orders/{}/cancel", told[at].id);
        fleet.post("orders", &path, "cancel", &json!({})).await;
        told[at].must = "cancelled";
    }
    settle(fleet, &told).await?;
    fleet.audit().await?;
    for order in &told {
        repeat(fleet, order).await;
    }
    undo_first(fleet).await;
    settle(fleet, &told).await?;
    fleet.audit().await
}

/// Waits until every order is where it must be, or has ended elsewhere.
async fn settle(fleet: &mut Fleet, told: &[Told]) -> Result<(), String> {
    for Told { id, must, .. } in told {
        let mut status = String::new();
        let url = format!("{}/orders/{id}", fleet.url("orders"));
        fleet
            .until(&format!("{id} is {must}"), async |fleet| {
                if let Some((200, order)) = fleet.web.get(&url).await {
                    order["status"]
                        .as_str()
                        .unwrap_or_default()
                        .clone_into(&mut status);
                }
                status == *must || (matches!(&*status, "rejected" | "cancelled"))
            })
            .await;
        if status != *must {
            let saga = fleet.web.get(&format!("{url}/saga")).await;
            return Err(format!("{id} is {status} and not {must}: {saga:?}"));
        }
    }
    Ok(())
}

/// Sends all requests of an order that has ended once more, as a network may: late.
async fn repeat(fleet: &mut Fleet, order: &Told) {
    let Told {
        id, line, customer, ..
    } = order;
    let uuid = id.trim_start_matches("ord_");
    let key = |step: &str| format!("place-order:{id}:{step}");
    let reserve = json!({"id": format!("res_{uuid}"), "order": id, "lines": [line]});
    fleet
        .post(
            "inventory",
            "/reservations",
            &key("reserve-stock"),
            &reserve,
        )
        .await;
    let total = fleet.order(id).await["total"].clone();
    if total.is_object() {
        let pay =
            json!({"id": format!("pay_{uuid}"), "order": id, "account": customer, "amount": total});
        fleet
            .post("payments", "/payments", &key("authorize-payment"), &pay)
            .await;
    }
    let ship = json!({"id": format!("shp_{uuid}"), "order": id, "lines": [line]});
    if total.is_object() {
        fleet
            .post("shipping", "/shipments", &key("create-shipment"), &ship)
            .await;
    }
    let capture = format!("/payments/pay_{uuid}/capture");
    fleet
        .post("payments", &capture, &key("capture-payment"), &json!(null))
        .await;
    let commit = format!("/reservations/res_{uuid}/commit");
    fleet
        .post("inventory", &commit, &key("commit-stock"), &json!(null))
        .await;
}

/// The undo of requests that have not come yet; they come afterwards, and must not be executed. There is
/// no such order, so whatever is held for it is found.
async fn undo_first(fleet: &mut Fleet) {
    let uuid = uuid::Uuid::now_v7();
    let id = format!("ord_{uuid}");
    let (res, pay, shp) = (
        format!("res_{uuid}"),
        format!("pay_{uuid}"),
        format!("shp_{uuid}"),
    );
    for (name, path) in [
        ("inventory", format!("/reservations/{res}")),
        ("shipping", format!("/shipments/{shp}")),
    ] {
        let url = format!("{}{path}", fleet.url(name));
        fleet
            .until(&format!("{url} is undone"), async |fleet| {
                fleet
                    .web
                    .delete(&url)
                    .await
                    .is_some_and(|(status, _)| status == 200)
            })
            .await;
    }
    fleet
        .post(
            "payments",
            &format!("/payments/{pay}/void"),
            "void",
            &json!(null),
        )
        .await;
    let lines = json!([{"product": "tea", "quantity": 1}]);
    let amount = json!({"minor": 690, "currency": "EUR"});
    for (name, path, body) in [
        (
            "inventory",
            "/reservations",
            json!({"id": res, "order": id, "lines": lines}),
        ),
        (
            "shipping",
            "/shipments",
            json!({"id": shp, "order": id, "lines": lines}),
        ),
        (
            "payments",
            "/payments",
            json!({"id": pay, "order": id, "account": "cus_anna", "amount": amount}),
        ),
    ] {
        fleet.post(name, path, &format!("late-{uuid}"), &body).await;
    }
}
