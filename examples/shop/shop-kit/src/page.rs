//! Lists that are read piece by piece, for whoever checks all of them.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::Deserialize;

use crate::{extract::Params, problem::Problem};

/// `?after=id&limit=100`: the next so many after this id. Whoever reads to the end asks again with the
/// last id until less comes than the limit.
///
/// What is there when the first piece is read comes exactly once; what is added meanwhile may come or
/// not. Each piece is as of its own time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The last id of the piece before; none comes before the first.
    #[serde(default)]
    pub after: String,
    /// How many at most, 1 to 1000.
    #[serde(default = "usual")]
    pub limit: i64,
}

fn usual() -> i64 {
    100
}

impl Page {
    /// # Errors
    /// 422: the limit is not 1 to 1000.
    pub fn validate(self) -> Result<Self, Problem> {
        if (1..=1000).contains(&self.limit) {
            return Ok(self);
        }
        let detail = format!("it is {}", self.limit);
        Err(Problem::invalid("limit", detail).remedy("ask for 1 to 1000"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Params(page) = Params::<Self>::from_request_parts(parts, state).await?;
        page.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn page(query: &str) -> Result<Page, Problem> {
        let request = http::Request::get(format!("/payments{query}")).body(());
        let (mut parts, ()) = request.unwrap().into_parts();
        Page::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn a_page_has_a_start_and_a_bound() {
        let usual = Page {
            after: String::new(),
            limit: 100,
        };
        assert_eq!(page("").await, Ok(usual));
        let next = Page {
            after: "pay_1".to_owned(),
            limit: 1000,
        };
        assert_eq!(page("?after=pay_1&limit=1000").await, Ok(next));
        for (query, status) in [("?limit=0", 422), ("?limit=1001", 422), ("?size=1", 400)] {
            assert_eq!(page(query).await.unwrap_err().status, status, "{query}");
        }
    }
}
