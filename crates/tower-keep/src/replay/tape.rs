use std::{
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::{
    ReplayError, Skip,
    bell::Bell,
    kept::{Kept, MOST_FRAMES, OVERHEAD},
    memory::Reservation,
};
use crate::{
    BoxError,
    common::sync::{self, Mutex, MutexGuard},
};

/// A request's body and what is kept of it, shared by the attempts.
///
/// One attempt at a time has its turn: it reads what earlier ones read, then goes on with the rest and
/// adds to what is kept. Attempts side by side [share](Tape::share) a turn: each reads what is kept at
/// its own pace, and whoever is first at its end goes on with the rest, for all. The lock is held for
/// bookkeeping only; the body is taken out to be polled.
pub(super) struct Tape<B> {
    state: Mutex<State<B>>,
    /// How much of the body may be kept.
    cap: usize,
}

struct State<B> {
    /// Counts up when an attempt is over; a body of an earlier turn gives no more frames.
    turn: u32,
    /// How many bodies of this turn still exist.
    readers: usize,
    kept: Vec<Kept>,
    bytes: usize,
    recording: Recording,
    source: Source<B>,
    /// What the source said about its rest when it was last here.
    rest: Rest,
    /// Those who wait for another one to put the source back.
    waiting: Vec<Waker>,
    /// Whom the source wakes, as long as one reader is all there is.
    reader: Option<Waker>,
    /// Whom it wakes otherwise: set once a turn is shared.
    bell: Option<Arc<Bell>>,
}

enum Recording {
    On(Reservation),
    Off(Skip),
}

enum Source<B> {
    Here(B),
    /// Being polled.
    Lent,
    Ended,
    /// It failed or panicked; there is no rest.
    Failed,
}

#[derive(Clone)]
struct Rest {
    hint: SizeHint,
    is_end: bool,
}

impl Rest {
    fn of(body: &impl HttpBody) -> Self {
        Self {
            hint: body.size_hint(),
            is_end: body.is_end_stream(),
        }
    }

    fn nothing() -> Self {
        Self {
            hint: SizeHint::with_exact(0),
            is_end: true,
        }
    }
}

/// One attempt's place on the tape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    number: u32,
    position: usize,
}

impl<B: HttpBody> Tape<B> {
    pub(super) fn new(body: B, cap: usize) -> Self {
        Self {
            cap,
            state: Mutex::new(State {
                turn: 0,
                readers: 0,
                kept: Vec::new(),
                bytes: 0,
                recording: Recording::On(Reservation::default()),
                rest: Rest::of(&body),
                source: Source::Here(body),
                waiting: Vec::new(),
                reader: None,
                bell: None,
            }),
        }
    }
}

impl<B> Tape<B> {
    fn lock(&self) -> MutexGuard<'_, State<B>> {
        sync::lock(&self.state)
    }

    /// The present turn, from the start.
    pub(super) fn turn(&self) -> Turn {
        let mut state = self.lock();
        state.readers += 1;
        Turn {
            number: state.turn,
            position: 0,
        }
    }

    /// The attempt of this turn needs its body no more.
    pub(super) fn release(&self, turn: Turn) {
        let mut state = self.lock();
        if state.turn == turn.number {
            state.readers -= 1;
        }
    }

    /// Ends the turn, if another attempt can have the whole body.
    ///
    /// `answered` says that the attempt ended with an answer. If its upload still runs then, the
    /// service decided without the rest, so the rest is not for us to send again.
    pub(super) fn rewind(&self, answered: bool) -> Result<(), Skip> {
        let mut state = self.lock();
        state.is_whole(answered)?;
        state.turn += 1;
        state.readers = 0;
        Ok(())
    }

    /// Lets another attempt have the whole body too, beside those that run; otherwise as
    /// [`rewind`](Self::rewind).
    pub(super) fn share(&self, answered: bool) -> Result<(), Skip> {
        let mut state = self.lock();
        state.is_whole(answered)?;
        if state.bell.is_none() {
            let bell = Bell::default();
            if let Some(reader) = state.reader.take() {
                bell.add(&reader);
            }
            state.bell = Some(Arc::new(bell));
        }
        Ok(())
    }

    /// There will be no further attempt, so nothing more needs to be kept.
    pub(super) fn commit(&self) {
        let mut state = self.lock();
        // A later turn, or another reader, may not have read what is kept to its end yet.
        if state.turn == 0 && state.bell.is_none() {
            let forgotten = state.stop_recording(Skip::MaxAttempts);
            drop(state);
            drop(forgotten);
        }
    }

    pub(super) fn size_hint(&self, turn: Turn) -> SizeHint {
        let state = self.lock();
        let kept: u64 = state.kept[turn.position.min(state.kept.len())..]
            .iter()
            .map(|kept| match kept {
                Kept::Data(data) => data.len() as u64,
                Kept::Trailers(_) => 0,
            })
            .sum();
        let mut hint = state.rest.hint;
        // Upper first: a hint never has a lower bound above its upper one.
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(kept));
        }
        hint.set_lower(hint.lower().saturating_add(kept));
        hint
    }

    pub(super) fn is_end_stream(&self, turn: Turn) -> bool {
        let state = self.lock();
        turn.position >= state.kept.len() && state.rest.is_end
    }
}

impl<B> Tape<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// The next frame of a turn.
    pub(super) fn poll_frame(
        &self,
        turn: &mut Turn,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (mut loan, bell) = {
            let mut state = self.lock();
            if state.turn != turn.number {
                return Poll::Ready(Some(Err(ReplayError::Superseded.into())));
            }
            if let Some(kept) = state.kept.get(turn.position) {
                let frame = kept.frame();
                turn.position += 1;
                return Poll::Ready(Some(Ok(frame)));
            }
            match std::mem::replace(&mut state.source, Source::Lent) {
                Source::Here(body) => {
                    match &state.bell {
                        Some(bell) => bell.add(cx.waker()),
                        None => note(&mut state.reader, cx.waker()),
                    }
                    let loan = Loan {
                        tape: self,
                        body: Some(body),
                    };
                    (loan, state.bell.clone().map(Waker::from))
                }
                Source::Lent => {
                    state.waiting.push(cx.waker().clone());
                    return Poll::Pending;
                }
                Source::Ended => {
                    state.source = Source::Ended;
                    return Poll::Ready(None);
                }
                Source::Failed => {
                    state.source = Source::Failed;
                    return Poll::Ready(Some(Err(ReplayError::Lost.into())));
                }
            }
        };
        let body = loan.body.as_mut().expect("just put in");
        let mut cx = Context::from_waker(bell.as_ref().unwrap_or_else(|| cx.waker()));
        let polled = std::pin::Pin::new(body).poll_frame(&mut cx);
        loan.settle(turn, polled)
    }
}

/// The body while it is polled; a panic in there leaves none to go on with.
struct Loan<'a, B> {
    tape: &'a Tape<B>,
    body: Option<B>,
}

impl<B> Loan<'_, B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    fn settle(
        mut self,
        turn: &mut Turn,
        polled: Poll<Option<Result<Frame<Bytes>, B::Error>>>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = self.body.take().expect("settled once");
        let rest = match &polled {
            Poll::Ready(None | Some(Err(_))) => Rest::nothing(),
            _ => Rest::of(&body),
        };
        let kept = match &polled {
            Poll::Ready(Some(Ok(frame))) => Kept::of(frame),
            _ => None,
        };
        let mut state = self.tape.lock();
        state.rest = rest;
        state.source = match &polled {
            Poll::Pending | Poll::Ready(Some(Ok(_))) => Source::Here(body),
            Poll::Ready(None) => Source::Ended,
            Poll::Ready(Some(Err(_))) => Source::Failed,
        };
        let has_frame = kept.is_some();
        let forgotten = kept.and_then(|kept| state.keep(kept, self.tape.cap));
        if state.turn == turn.number {
            if forgotten.is_some() && state.bell.is_some() {
                // What the others have not read is gone; the one that was first goes on alone.
                state.turn += 1;
                state.readers = 1;
                turn.number = state.turn;
            }
            turn.position = state.kept.len();
        } else if has_frame && matches!(state.recording, Recording::Off(_)) {
            // A frame for the next turn, which went to an attempt that is over and was not kept.
            state.source = Source::Failed;
        }
        let waiting = std::mem::take(&mut state.waiting);
        let bell = state.bell.clone().filter(|_| polled.is_ready());
        drop(state);
        drop(forgotten);
        waiting.into_iter().for_each(Waker::wake);
        if let Some(bell) = bell {
            bell.wake();
        }
        polled.map_err(Into::into)
    }
}

impl<B> Drop for Loan<'_, B> {
    fn drop(&mut self) {
        if self.body.is_some() {
            let mut state = self.tape.lock();
            state.source = Source::Failed;
            let waiting = std::mem::take(&mut state.waiting);
            let bell = state.bell.clone();
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
            if let Some(bell) = bell {
                bell.wake();
            }
        }
    }
}

impl<B> State<B> {
    /// Whether another attempt can have the whole body; `answered` as for [`Tape::rewind`].
    fn is_whole(&self, answered: bool) -> Result<(), Skip> {
        match (&self.recording, &self.source) {
            (Recording::Off(why), _) => Err(*why),
            (_, Source::Failed) => Err(Skip::BodyFailed),
            _ if answered && self.readers > 0 && !self.rest.is_end => Err(Skip::BodyUnfinished),
            _ => Ok(()),
        }
    }

    /// Keeps a frame, or stops keeping any; what is forgotten is for the caller to drop unlocked.
    fn keep(&mut self, kept: Kept, cap: usize) -> Option<Vec<Kept>> {
        let len = kept.len();
        self.bytes += len;
        let Recording::On(reservation) = &mut self.recording else {
            return None;
        };
        // What is known to come counts too: why keep the start of what will not fit?
        let whole = (self.bytes as u64).saturating_add(self.rest.hint.lower());
        if whole > cap as u64 || self.kept.len() >= MOST_FRAMES {
            Some(self.stop_recording(Skip::BodyTooLarge))
        } else if reservation.grow(len + OVERHEAD) {
            self.kept.push(kept);
            None
        } else {
            Some(self.stop_recording(Skip::ReplayMemoryFull))
        }
    }

    fn stop_recording(&mut self, why: Skip) -> Vec<Kept> {
        self.recording = Recording::Off(why);
        std::mem::take(&mut self.kept)
    }
}

/// Keeps the waker, unless it is the one that is kept already.
fn note(kept: &mut Option<Waker>, waker: &Waker) {
    match kept {
        Some(kept) => kept.clone_from(waker),
        None => *kept = Some(waker.clone()),
    }
}
