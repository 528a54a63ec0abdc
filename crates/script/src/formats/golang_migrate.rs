use super::Reading;
use super::source::Source;
use crate::Migration;
use tightrope_model::Finding;
pub(super) fn recognizes(_source: &Source<'_>) -> bool {
    false
}
pub(super) fn read(_reading: &Reading<'_>, _findings: &mut Vec<Finding>) -> Vec<Migration> {
    Vec::new()
}
