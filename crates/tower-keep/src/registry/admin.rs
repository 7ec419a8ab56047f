//! The registry over HTTP.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{Changed, Listed, Registry, RegistryError};
use crate::config::SteerError;

impl Registry {
    /// Shows and steers all layers over HTTP: mount it on a port that nobody but you can reach.
    ///
    /// | | |
    /// |---|---|
    /// | `GET /` | every layer: how it is doing, its configuration, its actions |
    /// | `GET /{layer}/{name}/config` | the configuration in force |
    /// | `PUT /{layer}/{name}/config` | another one, in full, as JSON |
    /// | `PATCH /{layer}/{name}/config` | what is different, as JSON |
    /// | `POST /{layer}/{name}/actions/{action}` | `force_open`, `reset`, ... |
    ///
    /// Errors of its own are problem+json (RFC 9457); a path or a method that it does not know is answered
    /// by axum. What is changed here lasts until the next document is
    /// applied.
    ///
    /// **Whoever reaches it can turn every protection off.** It asks nobody who he is: serve it on a
    /// loopback or internal port, and put your own layer in front that does.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(list))
            .route(
                "/{layer}/{name}/config",
                get(show).put(replace).patch(adjust),
            )
            .route("/{layer}/{name}/actions/{action}", post(act))
            .layer(DefaultBodyLimit::max(64 * 1024))
            .with_state(self.clone())
    }
}

type At = Path<(String, String)>;

async fn list(State(registry): State<Registry>) -> Json<Vec<Listed>> {
    Json(registry.list())
}

async fn show(
    State(registry): State<Registry>,
    Path((layer, name)): At,
) -> Result<Json<Value>, RegistryError> {
    Ok(Json(registry.handle(&layer, &name)?.config()))
}

async fn replace(
    State(registry): State<Registry>,
    Path((layer, name)): At,
    body: Bytes,
) -> Result<Json<Changed>, RegistryError> {
    let changed = registry.configure(&layer, &name, &read(&body)?)?;
    Ok(Json(changed))
}

async fn adjust(
    State(registry): State<Registry>,
    Path((layer, name)): At,
    body: Bytes,
) -> Result<Json<Changed>, RegistryError> {
    let changed = registry.adjust(&layer, &name, &read(&body)?)?;
    Ok(Json(changed))
}

async fn act(
    State(registry): State<Registry>,
    Path((layer, name, action)): Path<(String, String, String)>,
) -> Result<StatusCode, RegistryError> {
    registry.act(&layer, &name, &action)?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(body: &[u8]) -> Result<Value, RegistryError> {
    serde_json::from_slice(body).map_err(|error| RegistryError::Syntax(error.to_string()))
}

impl IntoResponse for RegistryError {
    fn into_response(self) -> Response {
        let (status, kind) = match &self {
            Self::Syntax(_) => (StatusCode::BAD_REQUEST, "syntax"),
            Self::Busy => (StatusCode::CONFLICT, "busy"),
            Self::UnknownHandle { .. } => (StatusCode::NOT_FOUND, "unknown_handle"),
            Self::UnknownAction { .. } => (StatusCode::NOT_FOUND, "unknown_action"),
            Self::Refused(_) | Self::Version { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "refused")
            }
            Self::File { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "file"),
        };
        let problems: &[SteerError] = match &self {
            Self::Refused(problems) => problems,
            _ => &[],
        };
        let problem = json!({
            "type": format!("urn:tower-keep:registry:{kind}"),
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.to_string(),
            "problems": problems,
        });
        let json = [(CONTENT_TYPE, "application/problem+json")];
        (status, json, problem.to_string()).into_response()
    }
}
