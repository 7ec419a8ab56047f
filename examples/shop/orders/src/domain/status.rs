use serde::{Deserialize, Serialize};

/// The states of an order.
///
/// ```text
///            pending ──► confirmed ──► completed
///            │  │  │         │             │  ▲
///  expired ◄─┘  │  └─────────┴─► cancelling┘──┘   (the parcel has left: it stays as it was)
///               ▼                    │
///            rejected                └──► cancelled
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Nothing is decided.
    Pending,
    /// Stock and money are set aside: it will be carried out.
    Confirmed,
    /// It was paid, and the parcel is packed.
    Completed,
    /// It will not be carried out, and nothing of it is left.
    Rejected,
    /// By choreography: nobody said in time whether it can be carried out, so it will not be.
    Expired,
    /// The customer wants it undone.
    Cancelling,
    /// Everything was undone.
    Cancelled,
}

impl Status {
    /// The word for it, in rows and answers.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Completed => "completed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whoever waits for an answer has one.
    pub(crate) fn is_answer(self) -> bool {
        !matches!(self, Self::Pending | Self::Cancelling)
    }
}
