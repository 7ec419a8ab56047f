use serde::Serialize;

use crate::BoxError;

/// Asks a dependency how it is.
///
/// Closures are checks: `|| async { pool.ping().await }` with any error that turns into a
/// [`BoxError`].
///
/// It runs in a task of its own, on the runtime that the layer was built in (or, if that was outside
/// a runtime, on that of the first probe). There is never more than one run at a time. One that takes
/// longer than the [timeout](super::CheckConfig::timeout) has failed and is dropped; one that panics
/// has failed; one that blocks its thread goes on counting as failed until it returns. All runs end
/// when the layer, its services and its handles are gone.
///
/// ```
/// use tower_keep::{BoxError, health::Check};
///
/// struct Ping(std::net::SocketAddr);
///
/// impl Check for Ping {
///     async fn run(&self) -> Result<(), BoxError> {
///         tokio::net::TcpStream::connect(self.0).await?;
///         Ok(())
///     }
///
///     fn component_type(&self) -> &'static str {
///         "datastore"
///     }
/// }
/// ```
pub trait Check: Send + Sync + 'static {
    /// Asks. What an error says is shown on `/health`, cut to 256 bytes: keep secrets out of it.
    fn run(&self) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// The `componentType` on `/health`: `component`, `datastore` or `system`.
    fn component_type(&self) -> &'static str {
        "component"
    }
}

impl<F, Fut, E> Check for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    async fn run(&self) -> Result<(), BoxError> {
        self().await.map_err(Into::into)
    }
}

/// A check whose `componentType` is `datastore`; made by [`datastore`].
#[derive(Clone, Copy, Debug)]
pub struct Datastore<C>(C);

/// Says that `check` asks a database, a cache or a queue.
pub const fn datastore<C: Check>(check: C) -> Datastore<C> {
    Datastore(check)
}

impl<C: Check> Check for Datastore<C> {
    fn run(&self) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.0.run()
    }

    fn component_type(&self) -> &'static str {
        "datastore"
    }
}

/// What a failing check means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// The process cannot serve: readiness is 503.
    Critical,
    /// It is reported, and that is all.
    Informational,
}
