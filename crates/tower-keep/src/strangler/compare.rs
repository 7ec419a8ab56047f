use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::common::answer::Answer;

/// What one side has answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Compared<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers, without those of the connection.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: Bytes,
}

pub(super) type Compare = dyn Fn(&Compared<'_>, &Compared<'_>) -> Option<String> + Send + Sync;

impl<'a> Compared<'a> {
    pub(super) fn of(answer: &'a Answer) -> Self {
        Self {
            status: answer.status,
            headers: &answer.headers,
            body: answer.body(),
        }
    }
}

/// What differs: the status, the content type or the body. The other headers have dates and ids.
pub(super) fn difference(old: &Compared<'_>, new: &Compared<'_>) -> Option<String> {
    if old.status != new.status {
        return Some(format!(
            "status {} and {}",
            old.status.as_u16(),
            new.status.as_u16()
        ));
    }
    let kind = |of: &Compared<'_>| of.headers.get(header::CONTENT_TYPE).cloned();
    if kind(old) != kind(new) {
        return Some(format!("content type {:?} and {:?}", kind(old), kind(new)));
    }
    if old.body == new.body {
        return None;
    }
    let same = old
        .body
        .iter()
        .zip(&new.body)
        .take_while(|(old, new)| old == new);
    Some(format!(
        "bodies of {} and {} bytes, from byte {} on",
        old.body.len(),
        new.body.len(),
        same.count()
    ))
}
