//! Reading the statements that the schema keeps as text.
//!
//! Most of what a table means stands only in the text of its CREATE statement, and the library rewrites that text when a table or column is renamed
//! or added. Everything here works on tokens, so that quoting, letter case, white space and comments play no part.

mod cursor;
mod index;
mod key;
mod keywords;
mod normal;
mod statement;
mod table;
mod token;

pub(crate) use index::IndexText;
pub(crate) use normal::{Names, normal};
pub(crate) use statement::{Statement, first_word, is_empty, place_of_name};
pub(crate) use table::{ConstraintText, TableText};
pub(crate) use token::tokens;
