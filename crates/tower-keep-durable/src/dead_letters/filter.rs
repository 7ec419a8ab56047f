use super::LetterState;

/// Which letters are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterFilter {
    /// Of this consumer. Default all.
    pub consumer: Option<String>,
    /// In this state. Default all.
    pub state: Option<LetterState>,
    /// Of this key. Default all.
    pub key: Option<String>,
    /// After this letter: the last one of the page before. Default from the first.
    pub after: i64,
    /// So many at most. Default 100.
    pub limit: u32,
}

impl Default for LetterFilter {
    fn default() -> Self {
        Self {
            consumer: None,
            state: None,
            key: None,
            after: 0,
            limit: 100,
        }
    }
}
