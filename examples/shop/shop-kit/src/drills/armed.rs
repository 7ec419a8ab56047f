use std::{env, sync::LazyLock, time::Duration};

static LEASE: LazyLock<Option<u64>> =
    LazyLock::new(|| env::var("SHOP_LEASE_MS").ok()?.parse().ok());
static MISTAKE: LazyLock<Option<String>> = LazyLock::new(|| env::var("SHOP_MISTAKE").ok());

pub(super) fn lease() -> Option<Duration> {
    LEASE.map(Duration::from_millis)
}

pub(super) fn makes(mistake: &str) -> bool {
    MISTAKE.as_deref() == Some(mistake)
}
