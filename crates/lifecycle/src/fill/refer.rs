//! The values of foreign keys.

use super::row::{Cells, NULL, RowMaker};
use super::table::Foreign;
use super::value::Taste;
use super::wish::Wishes;

impl RowMaker<'_> {
    /// Gives the columns of foreign keys their values; an error is the name of a table whose rows are missing.
    pub(super) fn refer(&mut self, cells: &mut Cells, wishes: &Wishes) -> Result<(), String> {
        for (foreign, parents) in self.table.foreigns.iter().zip(self.parents) {
            // The table's own rows are not known yet; what only looks like a key may have any value.
            if foreign.is_own || foreign.is_guess && parents.is_empty() {
                continue;
            }
            let wants_null = self.wants_null(foreign, wishes) || parents.is_empty();
            if wants_null && self.set_null(foreign, cells) || has_null(foreign, cells) {
                continue;
            }
            match self.parent(foreign, parents, cells) {
                Some(parent) => {
                    for (column, value) in foreign.columns.iter().zip(parent) {
                        cells[*column] = Some(value.clone());
                    }
                }
                None if foreign.is_guess || self.set_null(foreign, cells) => {}
                None => return Err(foreign.parent.to_string()),
            }
        }
        Ok(())
    }

    fn wants_null(&mut self, foreign: &Foreign, wishes: &Wishes) -> bool {
        let wish = |column: &usize| wishes.columns.get(column).and_then(|wish| wish.null);
        if foreign
            .columns
            .iter()
            .any(|column| wish(column) == Some(true))
        {
            return true;
        }
        let wants_value = foreign
            .columns
            .iter()
            .all(|column| wish(column) == Some(false));
        !wants_value
            && match self.taste {
                Taste::Nasty => self.dice.percent(12),
                Taste::Plain => false,
                Taste::Bare => true,
            }
    }

    /// Makes the reference one to nothing, if that is possible.
    fn set_null(&self, foreign: &Foreign, cells: &mut Cells) -> bool {
        let is_open =
            |column: &&usize| cells[**column].is_none() && !self.table.columns[**column].not_null;
        let open: Vec<usize> = foreign.columns.iter().filter(is_open).copied().collect();
        if open.is_empty() || foreign.is_full && open.len() < foreign.columns.len() {
            return false;
        }
        for column in open {
            cells[column] = Some(NULL.to_owned());
        }
        true
    }

    /// A row to refer to that agrees with the values that are there already. Where the columns are a key of this table too, each
    /// row has its turn.
    fn parent<'p>(
        &mut self,
        foreign: &Foreign,
        parents: &'p [Vec<String>],
        cells: &Cells,
    ) -> Option<&'p Vec<String>> {
        let fits = |parent: &&Vec<String>| {
            let mut pairs = foreign.columns.iter().zip(parent.iter());
            pairs.all(|(column, value)| cells[*column].as_ref().is_none_or(|cell| cell == value))
        };
        let fitting: Vec<&Vec<String>> = parents.iter().filter(fits).collect();
        let mut uniques = self.table.uniques.iter();
        let is_key =
            uniques.any(|unique| unique.iter().all(|column| foreign.columns.contains(column)));
        match is_key && !fitting.is_empty() {
            true => fitting.get(self.made % fitting.len()).copied(),
            false => self.dice.pick(&fitting).copied(),
        }
    }
}

fn has_null(foreign: &Foreign, cells: &Cells) -> bool {
    let mut columns = foreign.columns.iter();
    columns.any(|column| cells[*column].as_deref() == Some(NULL))
}
