//! correlation_id
