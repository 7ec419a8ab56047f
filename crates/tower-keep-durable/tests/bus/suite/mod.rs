//! The suite. A backend has a file beside this folder with a runner that makes a fresh bus for each
//! row, and one line: `conformance!(#[tokio::test] runner);`.
//!
//! Each row bears what a bus may do: deliver twice, fail for a while. Nothing here waits for a fixed
//! time to see that something has not come: what must not come is overtaken by something that must.

mod endings;
mod groups;
mod limits;
mod order;
mod publishing;
mod rig;
mod takeover;

pub(crate) use self::{
    endings::*,
    groups::*,
    limits::*,
    order::*,
    publishing::*,
    rig::{Features, Rig, event},
    takeover::*,
};

/// The rows that hold even where connections fail and events come twice and in another order. What
/// not every bus can do is named after the runner: `leased`, that a delivery whose handler says
/// nothing goes to another although its process lives; `durable`, that what was published is there
/// when every process has gone.
macro_rules! conformance_under_faults {
    (#[$test:meta] $runner:path $(, $can:ident)*) => {
        $crate::suite::rows!(#[$test] $runner =>
            what_is_published_is_delivered
            a_key_stays_in_order_whoever_publishes
            members_share_and_never_work_on_one_partition_at_once
            each_group_gets_everything
            types_are_filtered
            what_is_published_while_nobody_listens_waits
            a_dropped_delivery_comes_again
            a_dead_member_is_taken_over
            many_events_arrive
        );
        $($crate::suite::under_faults!(#[$test] $runner, $can);)*
    };
}

/// Every row that a bus must pass, and those of what it can do beyond.
macro_rules! conformance {
    (#[$test:meta] $runner:path $(, $can:ident)*) => {
        $crate::suite::conformance_under_faults!(#[$test] $runner $(, $can)*);
        $crate::suite::rows!(#[$test] $runner =>
            an_event_arrives_as_it_was_sent
            one_of_a_partition_is_out_at_a_time
            a_new_group_begins_now
            an_ack_moves_on
            a_nack_holds_its_partition_and_no_other
            published_twice_is_delivered_in_place
            slow_work_with_progress_is_left_alone
            what_is_too_large_is_refused
            what_is_no_cloud_event_is_refused
            a_cancelled_next_loses_nothing
            nothing_to_publish_is_fine
        );
        $($crate::suite::exactly!(#[$test] $runner, $can);)*
    };
}

macro_rules! under_faults {
    (#[$test:meta] $runner:path, leased) => {
        $crate::suite::rows!(#[$test] $runner => a_stuck_member_is_taken_over);
    };
    (#[$test:meta] $runner:path, durable) => {
        $crate::suite::rows!(#[$test] $runner => what_is_published_outlives_every_process);
    };
}

macro_rules! exactly {
    (#[$test:meta] $runner:path, leased) => {
        $crate::suite::rows!(#[$test] $runner => a_stale_ack_changes_nothing);
    };
    (#[$test:meta] $runner:path, durable) => {};
}

macro_rules! rows {
    (#[$test:meta] $runner:path => $($row:ident)*) => {
        $($crate::suite::rows!(@ $test, $runner, $row);)*
    };
    (@ $test:meta, $runner:path, $row:ident) => {
        #[$test]
        async fn $row() {
            $runner($crate::suite::$row).await;
        }
    };
}

/// The rows that rest on how an event travels: of two processes, one sends in binary mode.
#[cfg(any(feature = "nats", feature = "rabbitmq", feature = "kafka"))]
macro_rules! conformance_of_modes {
    (#[$test:meta] $runner:path) => {
        $crate::suite::rows!(#[$test] $runner =>
            an_event_arrives_as_it_was_sent
            a_key_stays_in_order_whoever_publishes
            types_are_filtered
            what_is_published_while_nobody_listens_waits
            what_is_too_large_is_refused
            nothing_to_publish_is_fine
        );
    };
}

#[cfg(any(feature = "nats", feature = "rabbitmq", feature = "kafka"))]
pub(crate) use conformance_of_modes;
pub(crate) use {conformance, conformance_under_faults, exactly, rows, under_faults};
