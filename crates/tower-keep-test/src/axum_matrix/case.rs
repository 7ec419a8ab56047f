//! The cases of the matrix and what comes out of them.

use std::fmt;

use axum::http::StatusCode;

/// Where the layer is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `Router::layer`.
    Router,
    /// `Router::route_layer`.
    Route,
    /// `MethodRouter::layer`, the same layer on every route.
    MethodRouter,
    /// `Handler::layer`, the same layer on every handler.
    Handler,
    /// `Router::layer` on a router that is nested in another.
    Nested,
    /// Around the service given to `Router::fallback_service`.
    Fallback,
}

/// How requests reach the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// `axum::serve(listener, app)`.
    Serve,
    /// `axum::serve(listener, app.into_make_service())`.
    IntoMakeService,
    /// `app.clone().oneshot(request)`, as tests do.
    Oneshot,
}

/// One way of applying a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Where the layer is put.
    pub place: Place,
    /// How requests reach the app.
    pub drive: Drive,
    /// Over how many connections, in turn; 1 for [`Drive::Oneshot`], which has none.
    pub connections: usize,
    /// To how many routes, in turn.
    pub routes: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            drive,
            connections,
            routes,
        } = self;
        write!(
            f,
            "layer on {place:?}, driven by {drive:?}, connections: {connections}, routes: {routes}"
        )
    }
}

/// All 60 cases.
pub fn cases() -> impl Iterator<Item = Case> {
    let places = [
        Place::Router,
        Place::Route,
        Place::MethodRouter,
        Place::Handler,
        Place::Nested,
        Place::Fallback,
    ];
    let drives = [
        (Drive::Serve, 1),
        (Drive::Serve, 20),
        (Drive::IntoMakeService, 1),
        (Drive::IntoMakeService, 20),
        (Drive::Oneshot, 1),
    ];
    places.into_iter().flat_map(move |place| {
        drives.into_iter().flat_map(move |(drive, connections)| {
            [1, 3].map(|routes| Case {
                place,
                drive,
                connections,
                routes,
            })
        })
    })
}

/// Stands for a response that did not arrive whole: a client's own status, which no server sends.
pub const BROKEN: StatusCode = match StatusCode::from_u16(599) {
    Ok(status) => status,
    Err(_) => panic!("599 is in range"),
};

/// What came out of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case.
    pub case: Case,
    /// How many requests reached the handler.
    pub hits: usize,
    /// How many of them were there at once, the reading of their response bodies included.
    pub peak: usize,
    /// The status of every response, in the order of the requests; [`BROKEN`] where there was none.
    pub statuses: Vec<StatusCode>,
}

impl Outcome {
    /// How many responses had this status.
    #[must_use]
    pub fn answered(&self, status: StatusCode) -> usize {
        self.statuses.iter().filter(|&&seen| seen == status).count()
    }
}
