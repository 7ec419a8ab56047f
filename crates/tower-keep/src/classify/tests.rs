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
