use std::{fmt, sync::Arc};

/// What a layer is called in events, metrics, rejections and snapshots; cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Name(Arc<str>);

impl Name {
    pub(crate) fn new(name: impl AsRef<str>) -> Self {
        Self(Arc::from(name.as_ref()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl Default for Name {
    fn default() -> Self {
        Self::new("")
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
