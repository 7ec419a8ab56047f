use http::{Request, Response};

use super::{
    Shadow, ShadowReads, Side, StranglerConfig,
    route::{Share, Ticket, is_below},
    shadow::Shadowing,
    shared::Shared,
};

#[test]
fn raising_the_percentage_moves_nobody_back() {
    let keys: Vec<_> = (0..10_000)
        .map(|n| Ticket::of(&format!("customer-{n}")))
        .collect();
    let moved = |percent| {
        let share = Share::percent(percent);
        keys.iter().map(|key| share.has(*key)).collect::<Vec<_>>()
    };
    let mut before = moved(0.0);
    assert!(!before.contains(&true));
    for percent in [0.5, 5.0, 20.0, 50.0, 99.9, 100.0] {
        let now = moved(percent);
        assert!(before.iter().zip(&now).all(|(before, now)| !before | now));
        let share = now.iter().filter(|moved| **moved).count() as f64 / 100.0;
        assert!((share - percent).abs() < 1.5, "{share} % of {percent} %");
        before = now;
    }
    assert!(!before.contains(&false));
}

#[test]
fn a_path_is_below_a_prefix_by_whole_segments() {
    let prefixes = ["/v2".to_owned(), "/static/".to_owned()];
    for (path, is) in [
        ("/v2", true),
        ("/v2/orders", true),
        ("/v20", false),
        ("/", false),
        ("/static/a.css", true),
    ] {
        assert_eq!(is_below(path, &prefixes), is, "{path}");
    }
}

#[test]
fn a_configuration_that_cannot_work_names_the_field() {
    let problems = [
        (StranglerConfig::percent(101.0), "percent"),
        (StranglerConfig::percent(f64::NAN), "percent"),
        (StranglerConfig::shadow(-1.0), "shadow_percent"),
    ];
    for (config, field) in problems {
        assert_eq!(config.check().unwrap_err().field(), field);
    }
}

#[tokio::test]
async fn a_connection_that_changes_its_protocol_does_so_once() {
    let shared = Shared::new(StranglerConfig::shadow(100.0)).unwrap();
    let service = tower::service_fn(|_: Request<http_body_util::Empty<bytes::Bytes>>| async {
        Ok::<_, crate::BoxError>(Response::new(String::new()))
    });
    let starts = |request: http::request::Builder| {
        let request = request.body(http_body_util::Empty::new()).unwrap();
        ShadowReads
            .start(&Shadowing(&shared), Side::Old, &service, &request)
            .is_some()
    };
    assert!(starts(Request::get("/")));
    assert!(!starts(Request::get("/").header("upgrade", "websocket")));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_reads_slowly_is_no_difference() {
    let config = StranglerConfig::shadow(100.0);
    let shared = Shared::new(config).unwrap();
    let service = tower::service_fn(|_: Request<http_body_util::Empty<bytes::Bytes>>| async {
        Ok::<_, crate::BoxError>(Response::new(String::new()))
    });
    let request = Request::new(http_body_util::Empty::new());
    let answers = ShadowReads.start(&Shadowing(&shared), Side::Old, &service, &request);
    tokio::time::sleep(config.shadow_timeout * 2).await;
    drop(answers);
    assert_eq!(shared.live.shadows(), 0);
    let [.., matched, differed] = shared.live.counts();
    assert_eq!((matched, differed), (0, 0));
}
