//! Translates between HTTP and the store.

use axum::{Router, extract::State, routing::get};
use serde::Deserialize;
use shop_kit::{
    extract::{Params, no_method, no_route},
    problem::Problem,
};

use crate::store::{Notification, Store};

pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/notifications", get(list))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(store)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    customer: String,
    #[serde(default = "default_limit")]
    limit: i64,
}

fn default_limit() -> i64 {
    100
}

/// What a customer was told, the latest first.
async fn list(
    State(store): State<Store>,
    Params(ListParams { customer, limit }): Params<ListParams>,
) -> Result<axum::Json<Vec<Notification>>, Problem> {
    if !(1..=1000).contains(&limit) {
        return Err(Problem::invalid("limit", format!("it is {limit}"))
            .remedy("ask for 1 to 1000 notifications"));
    }
    Ok(axum::Json(store.of_customer(&customer, limit).await?))
}
