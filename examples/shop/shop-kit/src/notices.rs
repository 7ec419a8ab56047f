//! The channel of lines for the person who watches: a breaker opened, payments is back.
//!
//! Whatever has something to tell (the layers of [`crate::stack`], the finisher of pending orders)
//! calls [`Notices::say`]; the `shop` scenario prints the lines between its progress bars.

use tokio::sync::mpsc;

/// The sending end; clones share it. Lines are dropped when nobody listens or the reader is far
/// behind: a notice never slows a request down.
#[derive(Debug, Clone, Default)]
pub struct Notices(Option<mpsc::Sender<String>>);

impl Notices {
    /// Notices that nobody reads.
    #[must_use]
    pub fn silent() -> Self {
        Self::default()
    }

    /// Notices and the end to print them from.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<String>) {
        let (sender, lines) = mpsc::channel(256);
        (Self(Some(sender)), lines)
    }

    /// Tells one line.
    pub fn say(&self, line: impl Into<String>) {
        if let Some(sender) = &self.0 {
            let _ = sender.try_send(line.into());
        }
    }
}
