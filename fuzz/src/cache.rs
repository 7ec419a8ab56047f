use std::time::Duration;

use http::{HeaderMap, Response, header};
use tower::{ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    cache::{CacheConfig, CacheLayer, Mode},
};
use tower_layer::Layer;

use crate::input::{self, Request};

/// Requests and answers through a cache, the headers of each separated by an empty line: no header
/// makes it fail, and a shared cache never gives one caller what was marked as another's.
pub fn cache(bytes: &[u8]) {
    let (asked, answered) = input::halves(bytes);
    let (asked, answered) = (input::headers(asked), input::headers(answered));
    let never = forbids(&answered);
    let config = CacheConfig {
        mode: Mode::Shared,
        cache_status: true,
        ..CacheConfig::default()
    };
    let layer = CacheLayer::from_config(config).expect("valid");
    let handler = service_fn(|_: Request| {
        let mut response = Response::new(input::empty());
        *response.headers_mut() = answered.clone();
        async { Ok::<_, BoxError>(response) }
    });
    let service = layer.layer(handler);
    input::run(async {
        for _ in 0..3 {
            let call = service.clone().oneshot(input::request(asked.clone()));
            let answer = call.await.expect("no header fails a request");
            let _body = answer.into_body();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    });
    if never {
        assert_eq!(layer.handle().snapshot().hits, 0, "{answered:?}");
    }
}

/// Whether an answer says in so many words that a shared cache must not keep it.
fn forbids(answer: &HeaderMap) -> bool {
    answer.get_all(header::CACHE_CONTROL).iter().any(|value| {
        let value = value.to_str().unwrap_or_default();
        matches!(value, "no-store" | "private")
    })
}
