//! What every engine promises, written once and run against each engine and server version.
//!
//! A test file of an engine's crate says how to make a database, and gets a test for each promise:
//!
//! ```ignore
//! use tightrope_testkit::contract::{ContractDatabase, ContractDialect, Subject};
//!
//! fn subjects() -> Vec<Subject> { /* one for each server version */ }
//!
//! tightrope_testkit::contract_tests!(subjects());
//! ```
//!
//! The SQL in here is what the engines have in common; where they differ, [`ContractDialect`] says it.

pub mod checksums;
pub mod copies;
pub mod life;
pub mod locks;
pub mod queries;
pub mod reading;
pub mod rows;
pub mod statements;
pub mod store;
pub mod transactions;

mod desk;
mod subject;

pub use subject::{ContractDatabase, ContractDialect, Setting, Subject};

/// Makes one test for each promise of an engine; the argument gives the [`Subject`]s that it is tested on.
#[macro_export]
macro_rules! contract_tests {
    ($subjects:expr) => {
        $crate::contract_tests! { @ $subjects;
            transactions {
                what_is_rolled_back_never_was
                what_is_committed_stays
                rolling_back_nothing_is_nothing
                a_failed_statement_can_be_rolled_back
                a_commit_that_fails_leaves_no_transaction
                a_transaction_left_open_ends_with_its_session
            }
            statements {
                a_result_is_text_with_its_columns
                a_long_result_is_cut
                a_boolean_is_known_as_one
                changed_rows_are_counted
                an_error_says_where_in_bytes
                errors_are_told_apart
                parameters_are_values
                identifiers_survive_quoting
                a_reading_session_cannot_write
                reset_brings_settings_back
            }
            queries {
                a_query_is_prepared_and_not_run
                a_query_that_fails_says_where
                the_first_rows_of_a_query_come_as_text
            }
            reading {
                a_session_knows_where_it_is
                the_catalog_sees_the_open_transaction
                the_catalog_is_the_same_for_everybody
                a_table_has_its_shape
                reading_leaves_no_trace
            }
            checksums {
                an_empty_table_has_no_rows
                order_plays_no_part
                swapped_values_are_seen
                duplicates_are_counted
                fields_do_not_run_into_each_other
                null_is_not_empty
                the_sum_sees_the_open_transaction
                sums_come_in_the_order_asked
            }
            rows {
                rows_come_in_the_order_of_their_keys
                rows_without_a_key_are_ordered_by_everything
                many_rows_come_in_batches
                a_stream_left_early_leaves_the_session_usable
                a_stream_stays_in_the_open_transaction
            }
            locks {
                waiting_is_bounded
                whoever_blocks_is_named
                locks_held_are_listed
                changed_rows_are_told_apart_by_table
                earlier_changes_are_not_counted
            }
            life {
                a_living_session_is_alive
                an_ended_session_is_not_alive
                nonsense_is_no_evidence
                what_an_orphan_runs_can_be_ended
                a_missing_index_has_no_validity
                an_index_is_valid
            }
            store {
                a_new_database_has_no_store
                own_tables_are_no_part_of_the_catalog
                own_keys_count_by_themselves
                the_time_is_text
            }
            copies {
                a_copy_is_equal_and_apart
                a_fork_is_the_copy_as_it_is_now
                an_empty_copy_is_empty
                a_dropped_copy_is_gone
                a_living_makers_copy_is_not_swept
                a_database_has_a_size
            }
        }
    };
    (@ $subjects:expr; $($module:ident { $($promise:ident)* })*) => {
        $(mod $module {
            use super::*;
            $(#[test]
            fn $promise() {
                let subjects: Vec<$crate::contract::Subject> = $subjects;
                assert!(!subjects.is_empty(), "there is nothing to test");
                for subject in subjects {
                    subject.announce();
                    $crate::contract::$module::$promise(&subject);
                }
            })*
        })*
    };
}
