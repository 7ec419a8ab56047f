use serde::{Deserialize, Serialize};

use super::Refusal;

/// The states of a payment. Those in -ing are intents: they are committed before the card network is
/// called, and whoever finds one asks the network what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Authorizing,
    /// The network holds the money.
    Authorized,
    /// The card did not pay.
    Declined,
    Capturing,
    /// The money was taken.
    Captured,
    Voiding,
    /// Nothing is held, and never will be: also the tombstone of an authorization that came late.
    Voided,
    Refunding,
    /// The money was taken and given back.
    Refunded,
}

/// What a caller may want of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Authorize,
    Capture,
    Void,
    Refund,
}

/// What the card network says of an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Network {
    Authorized,
    Declined,
    Captured,
    Voided,
    Refunded,
}

/// What follows when something is wanted of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Move {
    /// It comes into this state, which is an intent.
    To(Status),
    /// It is done already.
    Done,
    /// Something else is under way, whose end decides.
    Settle,
    /// It cannot be done.
    Refuse(Refusal),
}

impl Status {
    pub(crate) const ALL: [Self; 9] = [
        Self::Authorizing,
        Self::Authorized,
        Self::Declined,
        Self::Capturing,
        Self::Captured,
        Self::Voiding,
        Self::Voided,
        Self::Refunding,
        Self::Refunded,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Authorizing => "authorizing",
            Self::Authorized => "authorized",
            Self::Declined => "declined",
            Self::Capturing => "capturing",
            Self::Captured => "captured",
            Self::Voiding => "voiding",
            Self::Voided => "voided",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
        }
    }

    /// The state of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// What the network is to do, or to say whether it did, before this payment is settled.
    pub(crate) fn under_way(self) -> Option<Verb> {
        match self {
            Self::Authorizing => Some(Verb::Authorize),
            Self::Capturing => Some(Verb::Capture),
            Self::Voiding => Some(Verb::Void),
            Self::Refunding => Some(Verb::Refund),
            _ => None,
        }
    }

    /// The state that follows from what the network says; none if that is nothing new, such as the
    /// answer to what was wanted before.
    pub(crate) fn learn(self, network: Network) -> Option<Self> {
        match (self, network) {
            (Self::Authorizing, Network::Authorized) => Some(Self::Authorized),
            (Self::Authorizing | Self::Voiding, Network::Declined) => Some(Self::Declined),
            (Self::Authorizing | Self::Voiding, Network::Voided) => Some(Self::Voided),
            (Self::Capturing, Network::Captured) => Some(Self::Captured),
            (Self::Refunding, Network::Refunded) => Some(Self::Refunded),
            _ => None,
        }
    }
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }

    /// The verb of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Authorize, Self::Capture, Self::Void, Self::Refund]
            .into_iter()
            .find(|verb| verb.as_str() == name)
    }

    /// What follows when this is wanted of a payment in that state. A void and a refund are undos:
    /// they say no only where the other of the two is meant.
    pub(crate) fn on(self, status: Status) -> Move {
        use Status as S;
        match (self, status) {
            (Self::Capture, S::Authorized) => Move::To(S::Capturing),
            (Self::Void | Self::Refund, S::Authorizing | S::Authorized) => Move::To(S::Voiding),
            (Self::Refund, S::Captured) => Move::To(S::Refunding),
            (Self::Authorize, S::Authorizing)
            | (_, S::Capturing | S::Voiding | S::Refunding)
            | (Self::Capture, S::Authorizing) => Move::Settle,
            (Self::Authorize, _)
            | (Self::Capture, S::Captured | S::Refunded)
            | (Self::Void | Self::Refund, S::Declined | S::Voided | S::Refunded) => Move::Done,
            (Self::Capture, S::Declined | S::Voided) => Move::Refuse(Refusal::NothingHeld(status)),
            (Self::Void, S::Captured) => Move::Refuse(Refusal::Captured),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_under_way_ends_where_its_verb_is_done() {
        for verb in [Verb::Capture, Verb::Void, Verb::Refund] {
            for from in Status::ALL {
                let Move::To(intent) = verb.on(from) else {
                    continue;
                };
                assert!(intent.under_way().is_some());
                assert_eq!(verb.on(intent), Move::Settle);
                let ends = [Network::Captured, Network::Voided, Network::Refunded];
                let ends: Vec<_> = ends
                    .into_iter()
                    .filter_map(|said| intent.learn(said))
                    .collect();
                assert_eq!(ends.len(), 1, "{verb:?} of {from:?}");
                assert_eq!(verb.on(ends[0]), Move::Done);
            }
        }
    }

    #[test]
    fn what_the_network_says_late_changes_nothing() {
        for settled in Status::ALL
            .into_iter()
            .filter(|status| status.under_way().is_none())
        {
            for said in [Network::Authorized, Network::Voided, Network::Captured] {
                assert_eq!(settled.learn(said), None);
            }
        }
        assert_eq!(Status::Voiding.learn(Network::Authorized), None);
    }
}
