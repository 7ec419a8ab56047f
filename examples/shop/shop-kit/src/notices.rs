//! The channel of lines for the person who watches: a breaker opened, payments is back.
//!
//! Whatever has something to tell, such as the layers of [`crate::stack`], calls [`Notices::say`]; the
//! `shop` scenario prints the lines between its progress bars.

use tokio::sync::mpsc;

/// The sending end; clones share it. Lines are dropped when nobody listens or the reader is far
/// behind: a notice never slows a request down.
#[derive(Debug, Clone)]
pub struct Notices(mpsc::Sender<String>);

impl Notices {
    /// Notices and the end to print them from.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<String>) {
        let (sender, lines) = mpsc::channel(256);
        (Self(sender), lines)
    }

    /// Tells one line.
    pub fn say(&self, line: impl Into<String>) {
        let _ = self.0.try_send(line.into());
    }
}
