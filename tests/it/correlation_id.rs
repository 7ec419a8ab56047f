//! correlation_id.
