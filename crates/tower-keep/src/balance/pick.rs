use std::sync::Arc;

use super::{
    BalanceConfig,
    endpoint::Endpoint,
    load::{self, NOMINAL},
};

/// An endpoint and the service that calls it.
pub(super) struct Member<S> {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) service: S,
}

/// What a choice depends on, besides the endpoints.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) config: &'a BalanceConfig,
    pub(super) panicking: bool,
    /// Milliseconds since the balancer was made.
    pub(super) now: u64,
}

impl Sight<'_> {
    /// The better of two endpoints that are chosen by chance, among those that are in and not to be
    /// skipped: power of two choices. Two are enough to keep away from the worst, and few enough that
    /// callers do not all run to the best.
    #[inline]
    pub(super) fn pick<S>(
        self,
        members: &[Arc<Member<S>>],
        skip: impl Fn(&Endpoint) -> bool,
    ) -> Option<&Arc<Member<S>>> {
        let is_usable = |member: &Arc<Member<S>>| {
            let endpoint = &member.endpoint;
            (endpoint.is_in(self.panicking) || !self.config.enabled) && !skip(endpoint)
        };
        if let [only] = members {
            return is_usable(only).then_some(only);
        }
        let mut first = None;
        for _ in 0..GUESSES.min(members.len() * 4) {
            let guess = fastrand::usize(..members.len());
            if first == Some(guess) || !is_usable(&members[guess]) {
                continue;
            }
            match first {
                None => first = Some(guess),
                Some(first) => return Some(self.better(&members[first], &members[guess])),
            }
        }
        self.search(members, is_usable)
    }

    /// The same where chance does not find two: most are out, or to be skipped.
    #[cold]
    fn search<S>(
        self,
        members: &[Arc<Member<S>>],
        is_usable: impl Fn(&Arc<Member<S>>) -> bool,
    ) -> Option<&Arc<Member<S>>> {
        let mut two: [Option<&Arc<Member<S>>>; 2] = [None, None];
        for (seen, member) in members.iter().filter(|one| is_usable(one)).enumerate() {
            // Each is among the two with the same chance.
            let place = if seen < 2 {
                seen
            } else {
                fastrand::usize(..=seen)
            };
            if let Some(place) = two.get_mut(place) {
                *place = Some(member);
            }
        }
        match two {
            // Of equals the first is taken, so the first must be anyone.
            [Some(one), Some(other)] if fastrand::bool() => Some(self.better(other, one)),
            [Some(one), Some(other)] => Some(self.better(one, other)),
            [one, _] => one,
        }
    }

    fn better<'m, S>(
        self,
        one: &'m Arc<Member<S>>,
        other: &'m Arc<Member<S>>,
    ) -> &'m Arc<Member<S>> {
        if !self.config.enabled {
            return one;
        }
        match (self.wins_its_share(one), self.wins_its_share(other)) {
            (true, false) => return one,
            (false, true) => return other,
            _ => {}
        }
        let decay = self.config.decay;
        let latencies = [one, other].map(|member| member.endpoint.latency(self.now, decay));
        // Who is not known is taken for as good as the other: waiting calls tell them apart.
        let nominal = latencies[0].or(latencies[1]).unwrap_or(NOMINAL);
        let [cost, other_cost] =
            [(one, latencies[0]), (other, latencies[1])].map(|(one, known)| {
                let rest = one.endpoint.rest_left(self.now);
                load::cost(known.unwrap_or(nominal), rest, one.endpoint.pending())
            });
        if cost <= other_cost { one } else { other }
    }

    /// Whether an endpoint that is coming to its full share is up for this call.
    fn wins_its_share<S>(self, member: &Member<S>) -> bool {
        let age = member.endpoint.age(self.now);
        let slow_start = self.config.slow_start;
        age >= slow_start || fastrand::f64() < load::share(age, slow_start)
    }
}

/// How often chance is asked before all endpoints are looked at.
const GUESSES: usize = 8;
