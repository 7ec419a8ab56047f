//! A complete answer that was kept, and how it is given again.
//!
//! A layer that answers several calls with one answer embeds a [`Recorder`] in its guard, which
//! watches the answer go by on its way to the caller who asked for it. What comes out is an
//! [`Answer`], whole or not at all. What comes of a request for the head alone has no body, so it must
//! not be given to a request for all of it.

mod ahead;
mod recorder;
#[cfg(test)]
mod tests;

pub(crate) use self::{ahead::ReadAhead, recorder::Recorder};

use std::{fmt, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header};
use http_body::{Body as HttpBody, Frame};

use crate::{
    protocol::{Body, Guard, Wire},
    rejection::Rejection,
};

/// A small answer, complete: what came in, without what belongs to one connection.
///
/// Of the extensions only a [`Rejection`] is kept: the others belong to one call. A clone copies the
/// headers and no bytes of the body; share it by `Arc`.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    body: Vec<Bytes>,
    /// The length of `body`.
    len: usize,
    trailers: Option<HeaderMap>,
    rejection: Option<Rejection>,
}

impl Answer {
    /// An answer made by hand.
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        let len = body.len();
        Self {
            status,
            version: Version::HTTP_11,
            headers,
            body: (len > 0).then_some(body).into_iter().collect(),
            len,
            trailers: None,
            rejection: None,
        }
    }

    /// The body in one piece.
    pub(crate) fn body(&self) -> Bytes {
        match &*self.body {
            [] => Bytes::new(),
            [whole] => whole.clone(),
            pieces => pieces.concat().into(),
        }
    }

    /// About how many bytes of memory it takes: body, headers and bookkeeping.
    pub(crate) fn weight(&self) -> usize {
        let trailers = self.trailers.as_ref().map_or(0, weight_of);
        size_of::<Self>()
            + self.len
            + self.body.len() * size_of::<Bytes>()
            + weight_of(&self.headers)
            + trailers
    }

    /// The same with the body in one piece of memory of its own.
    ///
    /// Frames are often slices of a connection's whole buffer: what is kept for longer than a call
    /// would keep all of that.
    pub(crate) fn compact(mut self) -> Self {
        if !self.body.is_empty() {
            let mut whole = BytesMut::with_capacity(self.len);
            for frame in &self.body {
                whole.extend_from_slice(frame);
            }
            self.body = vec![whole.freeze()];
        }
        self
    }

    /// Gives the answer again. To a request for the head alone it says how long the body is and has
    /// none.
    pub(crate) fn respond<B, G>(self: &Arc<Self>, wire: Wire) -> Response<Body<B, G>>
    where
        B: HttpBody,
        G: Guard,
    {
        self.respond_with(wire, self.headers.clone())
    }

    /// The same with other headers, most likely these and more.
    pub(crate) fn respond_with<B, G>(
        self: &Arc<Self>,
        wire: Wire,
        mut headers: HeaderMap,
    ) -> Response<Body<B, G>>
    where
        B: HttpBody,
        G: Guard,
    {
        let body = if wire == Wire::HeadOnly {
            if self.len > 0 {
                headers
                    .entry(header::CONTENT_LENGTH)
                    .or_insert_with(|| HeaderValue::from(self.len));
            }
            Body::full(Bytes::new())
        } else {
            Body::kept(Kept::new(self.clone()))
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.version_mut() = self.version;
        *response.headers_mut() = headers;
        if let Some(rejection) = &self.rejection {
            response.extensions_mut().insert(rejection.clone());
        }
        response
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// The frames of an answer, on their way once more.
pub(crate) struct Kept {
    answer: Arc<Answer>,
    next: usize,
    /// How many bytes are still to come.
    left: usize,
}

impl Kept {
    fn new(answer: Arc<Answer>) -> Self {
        Self {
            next: 0,
            left: answer.len,
            answer,
        }
    }

    pub(crate) fn next_frame(&mut self) -> Option<Frame<Bytes>> {
        let data = self.answer.body.get(self.next);
        let frame = match data {
            Some(data) => {
                self.left -= data.len();
                Some(Frame::data(data.clone()))
            }
            None if self.next == self.answer.body.len() => {
                self.answer.trailers.clone().map(Frame::trailers)
            }
            None => None,
        };
        self.next += usize::from(frame.is_some());
        frame
    }

    pub(crate) fn is_end(&self) -> bool {
        self.next >= self.answer.body.len() + usize::from(self.answer.trailers.is_some())
    }

    pub(crate) fn left(&self) -> u64 {
        self.left as u64
    }
}

fn weight_of(headers: &HeaderMap) -> usize {
    // What http's map keeps beside a name and a value: a hash, an index and two handles.
    const ENTRY: usize = 96;
    headers
        .iter()
        .map(|(name, value)| ENTRY + name.as_str().len() + value.len())
        .sum()
}

/// Takes out what belongs to one connection (RFC 9110, 7.6.1).
pub(crate) fn end_to_end(headers: &mut HeaderMap) {
    const HOP_BY_HOP: [HeaderName; 6] = [
        header::CONNECTION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}
