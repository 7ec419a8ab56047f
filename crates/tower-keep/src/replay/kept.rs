use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

/// A frame that is kept.
#[derive(Clone)]
pub(super) enum Kept {
    Data(Bytes),
    Trailers(HeaderMap),
}

/// What a kept frame costs beside its bytes.
pub(super) const OVERHEAD: usize = size_of::<Kept>();

/// No more frames than this are kept: a body of single bytes would cost a hundred times its length, and
/// one of empty frames would have no end at all.
pub(super) const MOST_FRAMES: usize = 1024;

/// A frame smaller than this is copied: sharing it would keep alive the whole buffer of the
/// connection that it came in.
const COPY_BELOW: usize = 1024;

impl Kept {
    pub(super) fn of(frame: &Frame<Bytes>) -> Option<Self> {
        if let Some(data) = frame.data_ref() {
            return Some(Self::Data(if data.len() < COPY_BELOW {
                Bytes::copy_from_slice(data)
            } else {
                data.clone()
            }));
        }
        frame.trailers_ref().cloned().map(Self::Trailers)
    }

    pub(super) fn frame(&self) -> Frame<Bytes> {
        match self.clone() {
            Self::Data(data) => Frame::data(data),
            Self::Trailers(trailers) => Frame::trailers(trailers),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            Self::Trailers(trailers) => trailers
                .iter()
                .map(|(name, value)| name.as_str().len() + value.len())
                .sum(),
        }
    }
}
