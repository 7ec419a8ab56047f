use std::{
    cell::Cell,
    cmp::Ordering,
    pin::Pin,
    task::{self, Poll},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use pin_project::{pin_project, pinned_drop};
use serde::{Deserialize, Serialize};

use crate::common::headers::has_any;
use crate::common::local::thread_local;

/// How much a request matters, compared with others that the same service gets.
///
/// The urgency of [RFC 9218], 0 to 7, where 0 matters most and 3 is what a request has that says
/// nothing. A greater `Priority` is one that matters more.
///
/// As an extension of a request it tells a layer that sheds load what to shed last.
///
/// [RFC 9218]: https://www.rfc-editor.org/rfc/rfc9218
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "u8", from = "u8")]
pub struct Priority(u8);

impl Priority {
    /// What must not fail while anything works: urgency 0.
    pub const CRITICAL: Self = Self(0);
    /// What can be left out first: urgency 7.
    pub const BACKGROUND: Self = Self(LEAST_URGENT);

    /// A priority of this urgency, 0 to 7; what is above 7 is 7.
    #[must_use]
    pub const fn of_urgency(urgency: u8) -> Self {
        Self(if urgency > LEAST_URGENT {
            LEAST_URGENT
        } else {
            urgency
        })
    }

    /// The urgency, 0 to 7: the smaller, the more urgent.
    #[must_use]
    pub const fn urgency(self) -> u8 {
        self.0
    }

    /// What the headers of a request say, if they say it well: `u=` in `Priority`; or the headers of
    /// failsafe-go, `X-Failsafe-Level` (0 to 499, a hundred for each class) and
    /// `X-Failsafe-Priority` (0 to 4), whose middle class is ours.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let names = [&PRIORITY, &FAILSAFE_LEVEL, &FAILSAFE_PRIORITY];
        if !has_any(headers, names) {
            return None;
        }
        of_rfc_9218(headers).or_else(|| of_failsafe(headers))
    }

    /// The value of a header `Priority`.
    #[must_use]
    pub fn to_header_value(self) -> HeaderValue {
        const VALUES: [&str; 8] = ["u=0", "u=1", "u=2", "u=3", "u=4", "u=5", "u=6", "u=7"];
        HeaderValue::from_static(VALUES[usize::from(self.0)])
    }

    /// A future like `work`, in which [`priority`] answers this one: for work that does not come in
    /// over HTTP.
    pub fn scope<F: Future>(self, work: F) -> WithPriority<F> {
        WithPriority {
            priority: self,
            work: Some(work),
        }
    }
}

/// The header of RFC 9218.
pub(crate) const PRIORITY: HeaderName = HeaderName::from_static("priority");
const FAILSAFE_LEVEL: HeaderName = HeaderName::from_static("x-failsafe-level");
const FAILSAFE_PRIORITY: HeaderName = HeaderName::from_static("x-failsafe-priority");
const LEAST_URGENT: u8 = 7;

/// `u` in a dictionary of RFC 9651: the last one counts, and what is not an integer from 0 to 7 is
/// as good as none.
fn of_rfc_9218(headers: &HeaderMap) -> Option<Priority> {
    let values = headers.get_all(&PRIORITY).iter();
    let members = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','));
    let urgency = members
        .filter_map(|member| {
            let item = member.split(';').next()?;
            item.trim().strip_prefix("u=")
        })
        .next_back()?;
    digits(urgency)
        .filter(|urgency| *urgency <= u16::from(LEAST_URGENT))
        .map(|urgency| Priority(urgency as u8))
}

fn of_failsafe(headers: &HeaderMap) -> Option<Priority> {
    let read = |name: &HeaderName| digits(headers.get(name)?.to_str().ok()?);
    let level = read(&FAILSAFE_LEVEL).map(|level| level / 100);
    let class = level.or_else(|| read(&FAILSAFE_PRIORITY))?;
    // Theirs grow with what matters, and their middle is 2.
    let urgency = 5_u16.checked_sub(class).filter(|_| class <= 4)?;
    Some(Priority(urgency as u8))
}

/// A short number of nothing but digits.
fn digits(text: &str) -> Option<u16> {
    let text = text.trim();
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

impl Default for Priority {
    /// Urgency 3.
    fn default() -> Self {
        Self(3)
    }
}

impl Ord for Priority {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(&self.0)
    }
}

impl PartialOrd for Priority {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<u8> for Priority {
    fn from(urgency: u8) -> Self {
        Self::of_urgency(urgency)
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

thread_local! {
    /// That of the work that is being polled. Whoever sets it puts the old value back before the
    /// poll returns.
    static CURRENT: Cell<Option<Priority>> = const { Cell::new(None) };
}

/// How much the request matters that this task works on, if anybody said so: its caller in a header,
/// or a layer that sheds load.
#[must_use]
pub fn priority() -> Option<Priority> {
    CURRENT.get()
}

/// Puts another in the place of the present one.
#[inline]
pub(super) fn replace_priority(priority: Option<Priority>) -> Option<Priority> {
    CURRENT.replace(priority)
}

/// Runs `work` with this priority, or with the one outside if it is `None`.
#[inline]
pub(crate) fn prioritized<R>(priority: Option<Priority>, work: impl FnOnce() -> R) -> R {
    let _prioritized = Prioritized::new(priority);
    work()
}

/// While it lives, the thread works with this priority, or with the one outside if it is `None`.
#[must_use = "it is left when this is dropped"]
pub(super) struct Prioritized {
    /// What to restore.
    outer: Option<Option<Priority>>,
}

impl Prioritized {
    #[inline]
    pub(super) fn new(priority: Option<Priority>) -> Self {
        Self {
            outer: priority.map(|_| CURRENT.replace(priority)),
        }
    }
}

impl Drop for Prioritized {
    #[inline]
    fn drop(&mut self) {
        if let Some(outer) = self.outer {
            CURRENT.set(outer);
        }
    }
}

/// A future that works with a priority; see [`Priority::scope`].
#[pin_project(PinnedDrop)]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WithPriority<F> {
    priority: Priority,
    /// Gone while it is being dropped.
    #[pin]
    work: Option<F>,
}

impl<F: Future> Future for WithPriority<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let work = this.work.as_pin_mut().expect("taken by the drop alone");
        prioritized(Some(*this.priority), || work.poll(cx))
    }
}

#[pinned_drop]
impl<F> PinnedDrop for WithPriority<F> {
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        prioritized(Some(*this.priority), || this.work.set(None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Context, CorrelationId, carry};

    fn read(headers: &[(&'static str, &'static str)]) -> Option<u8> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Priority::from_headers(&map).map(Priority::urgency)
    }

    #[test]
    fn headers_are_read_strictly_and_the_last_one_counts() {
        for (value, wanted) in [
            ("u=0", Some(0)),
            ("u=7", Some(7)),
            ("u=5, i", Some(5)),
            ("i, u=2", Some(2)),
            ("u=1;x=y", Some(1)),
            ("u=1, u=6", Some(6)),
            ("i", None),
            ("u", None),
            ("u=8", None),
            ("u=-1", None),
            ("u=+1", None),
            ("u=1.0", None),
            ("u= 1", Some(1)),
            ("uu=1", None),
            ("u=99999999999", None),
            ("", None),
        ] {
            assert_eq!(read(&[("priority", value)]), wanted, "{value:?}");
        }
        assert_eq!(read(&[("priority", "u=1"), ("priority", "u=4")]), Some(4));
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn failsafes_classes_are_ours_turned_round() {
        for (class, wanted) in [
            ("0", Some(5)),
            ("2", Some(3)),
            ("4", Some(1)),
            ("5", None),
            ("high", None),
        ] {
            assert_eq!(read(&[("x-failsafe-priority", class)]), wanted, "{class}");
        }
        let level = |level| read(&[("x-failsafe-level", level), ("x-failsafe-priority", "0")]);
        assert_eq!(level("0"), Some(5));
        assert_eq!(level("499"), Some(1));
        assert_eq!(level("500"), None);
        assert_eq!(
            read(&[("priority", "u=2"), ("x-failsafe-priority", "0")]),
            Some(2)
        );
    }

    #[test]
    fn what_is_more_urgent_is_greater_and_the_header_says_the_same() {
        assert!(Priority::CRITICAL > Priority::default());
        assert!(Priority::default() > Priority::BACKGROUND);
        assert_eq!(Priority::of_urgency(200), Priority::BACKGROUND);
        for urgency in 0..=7 {
            let priority = Priority::of_urgency(urgency);
            let headers = HeaderMap::from_iter([(PRIORITY, priority.to_header_value())]);
            assert_eq!(Priority::from_headers(&headers), Some(priority));
        }
    }

    #[tokio::test]
    async fn it_nests_goes_with_a_context_and_is_carried_without_one() {
        let [high, low] = [1, 6].map(Priority::of_urgency);
        assert_eq!(priority(), None);
        let mut carried = None;
        high.scope(async {
            low.scope(async {
                tokio::task::yield_now().await;
                assert_eq!(priority(), Some(low));
            })
            .await;
            assert_eq!(priority(), Some(high));
            // Work that nobody asked for does not matter as much as what was asked for.
            let seen = Context::fresh().run(priority);
            assert_eq!(seen, None);
            carried = Some(carry(async { priority() }));
        })
        .await;
        let carried = carried.expect("it was made above");
        assert_eq!(carried.await, Some(high));
        assert_eq!(priority(), None);

        let context = Context::new(CorrelationId::new()).with_priority(high);
        let inside = context.scope(async {
            assert_eq!(priority(), Some(high));
            low.scope(async { Context::current().and_then(|context| context.priority()) })
                .await
        });
        assert_eq!(inside.await, Some(low), "the present one, not the first");
        assert_eq!(priority(), None);
    }
}
