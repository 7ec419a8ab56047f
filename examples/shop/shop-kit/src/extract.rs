//! Extractors whose refusals are problems.

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::JsonRejection},
    response::IntoResponse,
};
use http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(explain(&rejection)),
        }
    }
}

fn explain(rejection: &JsonRejection) -> Problem {
    let text = rejection.body_text();
    match rejection {
        JsonRejection::JsonDataError(_) => {
            // serde says `lines[0].quantity: unknown field ..` after axum's own words.
            let said = text
                .split_once("target type: ")
                .map_or(&*text, |(_, said)| said);
            let problem = Problem::invalid("body", said)
                .remedy("send the fields that the message names, and no others");
            match said.split_once(": ") {
                Some((path, _)) if !path.contains(' ') => problem.field(path),
                _ => problem,
            }
        }
        JsonRejection::JsonSyntaxError(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-json", text).field("body")
        }
        JsonRejection::MissingJsonContentType(_) => {
            Problem::new(rejection.status(), "not-json", text)
                .field("Content-Type")
                .remedy("send Content-Type: application/json")
        }
        _ => Problem::new(rejection.status(), "unreadable-body", text).field("body"),
    }
}

/// The one parameter of a path, such as an id.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let bad = |detail: String| {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-id", detail).field("id in the path")
        };
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| bad(rejection.body_text()))?;
        text.parse()
            .map(Self)
            .map_err(|error: T::Err| bad(error.to_string()))
    }
}

/// The query of a URL.
#[derive(Debug, Clone, Copy)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "malformed-query",
                rejection.body_text(),
            )
            .field("query")),
        }
    }
}

/// What a router answers where it has no route.
pub async fn no_route(request: Request) -> impl IntoResponse {
    let (method, path) = (request.method(), request.uri().path());
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-route",
        format!("there is no {method} {path}"),
    )
}

/// What a router answers where the path exists and the method does not.
pub async fn no_method(request: Request) -> impl IntoResponse {
    let (method, path) = (request.method(), request.uri().path());
    let detail = format!("{path} does not take {method}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no-such-method", detail)
}
