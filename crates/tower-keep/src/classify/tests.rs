//! The table of the module's docs, row by row.

use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;

use super::{AtEnd, Class, GrpcCode, Judgment, Retry, Verdict};
use crate::{
    BoxError,
    common::name::Name,
    protocol::{End, Http, Plain, Protocol, Wire},
    rejection::{Kind, Phase, Rejection},
};

type Answer = Response<Full<bytes::Bytes>>;

fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        answer.headers_mut().insert(*name, value.parse().unwrap());
    }
    answer
}

fn judge(wire: Wire, answer: Answer) -> Judgment {
    Protocol::<_, BoxError>::judge(&Http::new(), wire, &Ok(answer))
}

fn head(wire: Wire, answer: Answer) -> (Class, Retry) {
    let verdict = judge(wire, answer).so_far();
    (verdict.class, verdict.retry)
}

#[test]
fn http_statuses_are_judged_by_the_table() {
    use {Class::*, Retry::*};
    let table = [
        (200, Success, Never),
        (301, Success, Never),
        (400, Success, Never),
        (404, Success, Never),
        (408, Success, IfIdempotent),
        (425, Success, IfIdempotent),
        (429, Overload, IfIdempotent),
        (500, Failure, IfIdempotent),
        (501, Success, Never),
        (502, Failure, IfIdempotent),
        (503, Failure, IfIdempotent),
        (504, Failure, IfIdempotent),
        (505, Success, Never),
        (507, Failure, Never),
        (529, Overload, IfIdempotent),
        (999, Failure, Never),
    ];
    for (status, class, retry) in table {
        assert_eq!(
            head(Wire::Http, answer(status, &[])),
            (class, retry),
            "{status}"
        );
    }
    let busy = answer(503, &[("retry-after", "7")]);
    let verdict = judge(Wire::Http, busy).so_far();
    assert_eq!(
        (verdict.class, verdict.retry_after),
        (Overload, Some(Duration::from_secs(7)))
    );
}

#[test]
fn grpc_codes_are_judged_by_the_table_in_the_head_and_in_trailers() {
    for code in 0..=17u8 {
        let class = match code {
            2 | 4 | 13..=15 | 17 => Class::Failure,
            8 => Class::Overload,
            _ => Class::Success,
        };
        let retry = if code == 14 {
            Retry::Always
        } else {
            Retry::Never
        };
        let text: &'static str = code.to_string().leak();
        let trailers_only = answer(200, &[("grpc-status", text)]);
        assert_eq!(
            head(Wire::Grpc, trailers_only),
            (class, retry),
            "code {code} in the head"
        );

        let Judgment::AtEnd(open) = judge(Wire::Grpc, answer(200, &[])) else {
            panic!("a head without a status decides nothing")
        };
        let trailers =
            HeaderMap::from_iter([("grpc-status".parse().unwrap(), text.parse().unwrap())]);
        let verdict = open.ended(End::Complete {
            trailers: Some(&trailers),
        });
        assert_eq!(
            (verdict.class, verdict.retry),
            (class, retry),
            "code {code} in trailers"
        );
    }
    assert_eq!(GrpcCode::from_bytes(b"not a number"), GrpcCode::Unknown);
    let pushed_back = answer(
        200,
        &[("grpc-status", "8"), ("grpc-retry-pushback-ms", "250")],
    );
    let verdict = judge(Wire::Grpc, pushed_back).so_far();
    assert_eq!(verdict.retry, Retry::Always);
    assert_eq!(verdict.retry_after, Some(Duration::from_millis(250)));
}

#[test]
fn the_end_of_a_good_answer_decides() {
    let open = |wire| match judge(wire, answer(200, &[])) {
        Judgment::AtEnd(open) => open,
        Judgment::Final(verdict) => panic!("{verdict:?} before the end"),
    };
    let classes = |open: AtEnd| {
        [
            open.ended(End::COMPLETE),
            open.ended(End::Failed),
            open.abandoned(),
        ]
        .map(|v| v.class)
    };
    use Class::*;
    assert_eq!(classes(open(Wire::Http)), [Success, Failure, Success]);
    assert_eq!(classes(open(Wire::Grpc)), [Failure, Failure, Ignored]);
}

#[test]
fn refusals_of_ours_are_not_the_services_fault_unless_it_was_running() {
    let name = Name::new("");
    let full = Rejection::new(Kind::BulkheadFull { limit: 1 }, "bulkhead", name);
    let late = Kind::DeadlineExceeded {
        phase: Phase::Head,
        after: Duration::from_secs(1),
    };
    let late = Rejection::new(late, "timeout", name);
    let expected = [
        (full, (Class::Ignored, Retry::Never)),
        (late, (Class::Failure, Retry::IfIdempotent)),
    ];
    for (rejection, expected) in expected {
        let mut response = answer(503, &[]);
        response.extensions_mut().insert(rejection.clone());
        assert_eq!(
            head(Wire::Http, response),
            expected,
            "{rejection} as a response"
        );

        let mut status = answer(200, &[("grpc-status", "14")]);
        status.extensions_mut().insert(rejection.clone());
        assert_eq!(
            head(Wire::Grpc, status),
            expected,
            "{rejection} as a status"
        );

        let error: Result<u64, BoxError> = Err(rejection.clone().into());
        let verdict = Plain::new().judge(Wire::Plain, &error).so_far();
        assert_eq!(
            (verdict.class, verdict.retry),
            expected,
            "{rejection} as an error"
        );
    }
}

#[test]
fn rules_of_your_own_come_first_and_may_pass() {
    let http = Http::new().classify(|head| match head.status.as_u16() {
        404 => Some(Verdict::failure()),
        200 => Some(Verdict::success()),
        _ => None,
    });
    let judge =
        |status| Protocol::<_, BoxError>::judge(&http, Wire::Http, &Ok(answer(status, &[])));
    assert_eq!(judge(404), Judgment::Final(Verdict::failure()));
    assert!(
        matches!(judge(200), Judgment::AtEnd(_)),
        "the body still counts"
    );
    assert_eq!(judge(502).so_far().class, Class::Failure);

    let plain = Plain::new().classify(|outcome: &Result<u64, BoxError>| match outcome {
        Ok(0) => Verdict::failure(),
        _ => Verdict::success(),
    });
    let class = |outcome| plain.judge(Wire::Plain, &outcome).so_far().class;
    assert_eq!(class(Ok(0)), Class::Failure);
    assert_eq!(class(Err("no".into())), Class::Success);
}

#[test]
fn a_grpc_answer_of_a_proxy_is_judged_by_its_http_status() {
    use {Class::*, Retry::*};
    let after = [("retry-after", "1")];
    for (status, headers, class, retry) in [
        (400, &[][..], Failure, Never),
        (401, &[], Success, Never),
        (403, &[], Success, Never),
        (404, &[], Success, Never),
        (418, &[], Failure, Never),
        (429, &[], Overload, Always),
        (502, &[], Failure, IfIdempotent),
        (503, &[], Failure, Always),
        (503, &after, Overload, Always),
        (503, &[("x-should-retry", "false")], Failure, Never),
        (504, &[], Failure, IfIdempotent),
        (500, &[], Failure, Never),
    ] {
        let judged = head(Wire::Grpc, answer(status, headers));
        assert_eq!(judged, (class, retry), "{status}");
    }
}

#[test]
fn a_service_can_invite_to_retry_or_forbid_it() {
    use {Class::*, Retry::*};
    const YES: (&str, &str) = ("x-should-retry", "true");
    const NO: (&str, &str) = ("x-should-retry", "false");
    const SOON: (&str, &str) = ("retry-after", "2");
    const NEVER: (&str, &str) = ("grpc-retry-pushback-ms", "-1");
    let soon = Some(Duration::from_secs(2));
    for (status, headers, class, retry, after) in [
        (200, &[YES, SOON][..], Success, Never, None),
        (399, &[YES], Success, Never, None),
        (400, &[YES], Success, IfIdempotent, None),
        (404, &[YES, SOON], Success, IfIdempotent, soon),
        (404, &[("x-should-retry", "perhaps")], Success, Never, None),
        (404, &[SOON], Success, Never, None),
        (507, &[YES], Failure, IfIdempotent, None),
        (500, &[NO], Failure, Never, None),
        (429, &[NO, SOON], Overload, Never, soon),
        (503, &[NO, SOON], Overload, Never, soon),
        (503, &[NEVER, SOON], Failure, Never, None),
        (503, &[NEVER, YES, SOON], Failure, Never, None),
        (408, &[SOON], Success, IfIdempotent, soon),
    ] {
        let verdict = judge(Wire::Http, answer(status, headers)).so_far();
        let found = (verdict.class, verdict.retry, verdict.retry_after);
        assert_eq!(found, (class, retry, after), "{status} {headers:?}");
    }
}

#[test]
fn a_deadline_of_the_caller_and_a_client_that_stopped_sending_are_nobodys_fault() {
    let late = |phase| {
        let after = Duration::from_secs(1);
        Rejection::new(
            Kind::DeadlineExceeded { phase, after },
            "timeout",
            Name::EMPTY,
        )
    };
    let fault = Rejection::new(Kind::FaultInjected, "chaos", Name::EMPTY);
    for (rejection, class) in [
        (late(Phase::Head), Class::Failure),
        (late(Phase::Head).of_caller(true), Class::Ignored),
        (late(Phase::RequestBody), Class::Ignored),
        // A fault is what it plays: here a failure that is not to be retried.
        (fault, Class::Failure),
    ] {
        let mut response = answer(507, &[]);
        response.extensions_mut().insert(rejection);
        assert_eq!(judge(Wire::Http, response).so_far().class, class);
    }
    let full = Kind::BulkheadFull { limit: 1 };
    let soon = Some(Duration::from_secs(3));
    let full = Rejection::new(full, "bulkhead", Name::EMPTY).with_retry_after(soon);
    let verdict = super::rejection(&full);
    assert_eq!(verdict, Verdict::ignored().retry_after(soon));
    assert_eq!(
        super::rejection_in(&BoxError::from(full)).map(Rejection::layer),
        Some("bulkhead")
    );
    assert!(super::rejection_in(&"any type").is_none());
}

#[test]
fn a_class_is_a_word_and_two_of_them_are_bad() {
    for (verdict, word, bad) in [
        (Verdict::success(), "success", false),
        (Verdict::failure(), "failure", true),
        (Verdict::overload(), "overload", true),
        (Verdict::ignored(), "ignored", false),
    ] {
        assert_eq!((verdict.class.as_str(), verdict.is_bad()), (word, bad));
    }
}

#[test]
fn only_what_may_still_turn_bad_waits_for_its_end() {
    for (verdict, wire, waits) in [
        (Verdict::success(), Wire::Http, true),
        (Verdict::success(), Wire::HeadOnly, true),
        (Verdict::success(), Wire::Plain, false),
        (Verdict::failure(), Wire::Http, false),
        (Verdict::overload(), Wire::Grpc, false),
    ] {
        let judgment = Judgment::from_head(verdict, wire);
        let found = matches!(judgment, Judgment::AtEnd(_));
        assert_eq!(found, waits, "{verdict:?} {wire:?}");
    }
}

#[test]
fn a_code_is_read_from_its_number_and_only_a_bad_one_has_a_hint() {
    assert_eq!(GrpcCode::from_bytes(b"16"), GrpcCode::Unauthenticated);
    for value in [&b"17"[..], b"-1", b"", b"\xff"] {
        assert_eq!(GrpcCode::from_bytes(value), GrpcCode::Unknown, "{value:?}");
    }
    for (code, after) in [("0", None), ("8", Some(Duration::from_secs(2)))] {
        let answer = answer(200, &[("grpc-status", code), ("retry-after", "2")]);
        assert_eq!(judge(Wire::Grpc, answer).so_far().retry_after, after);
    }
    let never = answer(
        200,
        &[("grpc-status", "14"), ("grpc-retry-pushback-ms", "-1")],
    );
    assert_eq!(head(Wire::Grpc, never), (Class::Failure, Retry::Never));
    for (status, code) in [
        (200, GrpcCode::Ok),
        (400, GrpcCode::Internal),
        (500, GrpcCode::Internal),
        (401, GrpcCode::Unauthenticated),
        (403, GrpcCode::PermissionDenied),
        (404, GrpcCode::Unimplemented),
        (408, GrpcCode::DeadlineExceeded),
        (429, GrpcCode::Unavailable),
        (502, GrpcCode::Unavailable),
        (503, GrpcCode::Unavailable),
        (504, GrpcCode::Unavailable),
        (418, GrpcCode::Unknown),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(GrpcCode::from_status(status), code, "{status}");
    }
}

/// Errors of hyper's clients, made by them.
#[cfg(feature = "client")]
mod client {
    use std::{future::ready, io};

    use hyper_util::{
        client::legacy::Client,
        rt::{TokioExecutor, TokioIo},
    };

    use super::*;

    fn request() -> http::Request<Full<bytes::Bytes>> {
        http::Request::get("http://localhost/")
            .body(Full::default())
            .unwrap()
    }

    fn retry<E: std::any::Any>(error: &E) -> Retry {
        super::super::error(error).retry
    }

    #[tokio::test]
    async fn a_request_without_a_connection_is_retried_whatever_the_reason_is() {
        let connector = tower::service_fn(|_: http::Uri| {
            let odd = io::Error::other("no route");
            ready(Err::<TokioIo<tokio::net::TcpStream>, _>(odd))
        });
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let error = client.request(request()).await.unwrap_err();
        assert_eq!(retry(&error), Retry::Always);
        assert_eq!(retry(&BoxError::from(error)), Retry::Always);
    }

    #[tokio::test]
    async fn a_request_that_waited_for_its_connection_is_retried_and_one_that_was_sent_is_not() {
        use hyper::client::conn::http1::handshake;
        let (near, far) = tokio::io::duplex(1024);
        let (mut sender, connection) = handshake(TokioIo::new(near)).await.unwrap();
        drop(connection);
        let error = sender.send_request(request()).await.unwrap_err();
        assert_eq!(retry(&error), Retry::Always);
        drop(far);
        let (near, mut far) = tokio::io::duplex(1024);
        let (mut sender, connection) = handshake(TokioIo::new(near)).await.unwrap();
        tokio::spawn(connection);
        let server = async move {
            let mut first = [0; 1];
            tokio::io::AsyncReadExt::read_exact(&mut far, &mut first)
                .await
                .unwrap();
        };
        let (answer, ()) = tokio::join!(sender.send_request(request()), server);
        assert_eq!(retry(&answer.unwrap_err()), Retry::IfIdempotent);
    }

    #[tokio::test]
    async fn a_stream_above_the_last_that_a_goaway_lets_finish_is_retried() {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let server = async {
            let mut connection = h2::server::handshake(far).await.unwrap();
            connection.abrupt_shutdown(h2::Reason::NO_ERROR);
            let _ = std::future::poll_fn(|cx| connection.poll_closed(cx)).await;
        };
        let client = async {
            let (mut requests, connection) = h2::client::handshake(near).await.unwrap();
            tokio::spawn(connection);
            let (response, _) = requests.send_request(http::Request::new(()), true).unwrap();
            response.await.unwrap_err()
        };
        let ((), error) = tokio::join!(server, client);
        assert!(error.is_go_away() && error.is_remote(), "{error:?}");
        assert_eq!(retry(&error), Retry::Always);
    }
}
