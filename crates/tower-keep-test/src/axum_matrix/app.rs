//! The router of a case.

use std::convert::Infallible;

use axum::{
    Router,
    extract::Request,
    handler::{Handler, HandlerService},
    response::IntoResponse,
    routing::{Route, get},
};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    case::{Case, Place},
    meter::{Meter, Metered},
};

/// A layer that axum takes in all places; implemented by every such layer.
pub trait RouterLayer:
    Layer<Route, Service: RouteService>
    + Layer<HandlerService<Meter, Metered, ()>, Service: RouteService>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<L> RouterLayer for L where
    L: Layer<Route, Service: RouteService>
        + Layer<HandlerService<Meter, Metered, ()>, Service: RouteService>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// What axum wants of a service in a router; implemented by every such service.
pub trait RouteService:
    Service<Request, Response: IntoResponse + 'static, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> RouteService for S where
    S: Service<
            Request,
            Response: IntoResponse + 'static,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// The path of one of the case's routes.
pub(super) fn path(case: Case, nth: usize) -> String {
    let route = nth % case.routes;
    match case.place {
        Place::Nested => format!("/nested/{route}"),
        _ => format!("/{route}"),
    }
}

pub(super) fn app<L: RouterLayer>(case: Case, layer: L, meter: &Meter) -> Router {
    let routes = |route: &dyn Fn() -> axum::routing::MethodRouter| {
        (0..case.routes).fold(Router::new(), |router, nth| {
            router.route(&format!("/{nth}"), route())
        })
    };
    let bare = || get(meter.clone());
    match case.place {
        Place::Router => routes(&bare).layer(layer),
        Place::Route => routes(&bare).route_layer(layer),
        Place::MethodRouter => routes(&|| bare().layer(layer.clone())),
        Place::Handler => {
            routes(&|| get(Handler::<Metered, ()>::layer(meter.clone(), layer.clone())))
        }
        Place::Nested => Router::new().nest("/nested", routes(&bare).layer(layer)),
        Place::Fallback => {
            let handler: HandlerService<Meter, Metered, ()> = meter.clone().with_state(());
            Router::new().fallback_service(layer.layer(handler))
        }
    }
}
