//! The statistics of a comparison: raw samples before and after, one question: is it really more?
//!
//! A shift is looked for by ranks ([`ranks`]), a longer tail by the share of samples beyond the baseline's quantile
//! ([`tail`]). Both count a sample for less where samples resemble their neighbours ([`correlation`]), and every look at the data
//! costs a part of one budget ([`budget`]).

mod budget;
mod correlation;
mod normal;
mod quantile;
mod ranks;
mod tail;

pub(crate) use budget::{next_look, share};
pub(crate) use correlation::{inflation, inflation_of};
pub(crate) use quantile::quantile;
pub(crate) use ranks::{RankTest, rank_test};
pub(crate) use tail::{share_beyond, slowest, tail_test};
