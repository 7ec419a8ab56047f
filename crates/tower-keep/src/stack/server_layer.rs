use super::{Refused, ServerStack};
use crate::{
    adaptive::AdaptiveLayer,
    bulkhead::{BulkheadConfig, BulkheadLayer},
    catch_panic::CatchPanicLayer,
    correlation_id::CorrelationIdLayer,
    decision::DecisionLayer,
    load_shed::{LoadShedConfig, LoadShedLayer},
    rate_limit::{Rate, RateLimitConfig, RateLimitLayer},
    timeout::TimeoutLayer,
};

/// The layers of a [`ServerStack`], one around the other.
///
/// Each can be reached, for its handle, or to be given what is not data before the first use:
///
/// ```
/// # use tower_keep::stack::ServerStack;
/// # fn main() -> Result<(), tower_keep::stack::Refused> {
/// let mut layer = ServerStack::api().layer()?;
/// layer.decision = layer.decision.server_timing(|head| head.headers.contains_key("x-debug"));
/// let adaptive = layer.adaptive.handle();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerLayer {
    /// What each layer did.
    pub decision: DecisionLayer,
    /// Who is this.
    pub correlation_id: CorrelationIdLayer,
    /// One deadline for all of it.
    pub timeout: TimeoutLayer,
    /// So many in a time.
    pub rate_limit: RateLimitLayer,
    /// What matters less goes first.
    pub load_shed: LoadShedLayer,
    /// As many at once as the service can take.
    pub adaptive: AdaptiveLayer,
    /// So many at once.
    pub bulkhead: BulkheadLayer,
    /// A panic becomes a 500.
    pub catch_panic: CatchPanicLayer,
}

impl ServerLayer {
    pub(super) fn of(stack: &ServerStack) -> Result<Self, Refused> {
        let name = &stack.name;
        let rate_limit = stack.rate_limit.clone().unwrap_or_else(no_rate_limit);
        let load_shed = stack.load_shed.clone().unwrap_or_else(no_load_shed);
        let bulkhead = stack.bulkhead.clone().unwrap_or_else(no_bulkhead);
        Ok(Self {
            decision: DecisionLayer::from_config(stack.decision)?.named(name),
            correlation_id: CorrelationIdLayer::from_config(stack.correlation_id.clone())?
                .named(name),
            timeout: TimeoutLayer::from_config(stack.timeout.clone())?.named(name),
            rate_limit: RateLimitLayer::from_config(rate_limit)?.named(name),
            load_shed: LoadShedLayer::from_config(load_shed)?.named(name),
            adaptive: AdaptiveLayer::from_config(stack.adaptive.clone())?.named(name),
            bulkhead: BulkheadLayer::from_config(bulkhead)?.named(name),
            catch_panic: CatchPanicLayer::from_config(stack.catch_panic)?.named(name),
        })
    }
}

/// Off; the number is what its handle can switch on.
pub(super) fn no_rate_limit() -> RateLimitConfig {
    RateLimitConfig {
        enabled: false,
        ..RateLimitConfig::new(Rate::per_second(1000))
    }
}

pub(super) fn no_load_shed() -> LoadShedConfig {
    LoadShedConfig {
        enabled: false,
        ..LoadShedConfig::new(1000)
    }
}

pub(super) fn no_bulkhead() -> BulkheadConfig {
    BulkheadConfig {
        enabled: false,
        ..BulkheadConfig::new(1000)
    }
}
