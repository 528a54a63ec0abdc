//! Which table of the backup a logged one is. Its name does not tell: tables can swap their names, or give them away.

use std::collections::{BTreeMap, BTreeSet};

use tightrope_backup::LogStart;
use tightrope_engine::{LoggedTable, Unreplayed};
use tightrope_model::TableName;

/// The places of logged tables in the backup.
#[derive(Default)]
pub(super) struct Places {
    /// The tables that have a place, under their names in the backup.
    pub(super) tables: Vec<LoggedTable>,
    /// Why the others have none, with their names.
    nowhere: BTreeMap<i64, (TableName, &'static str)>,
    /// Names that tables have had since, and those that they have in the backup.
    renamed: BTreeMap<i64, (TableName, TableName)>,
}

impl Places {
    /// Finds them. With `across` a table that a migration has made has the place of the one whose name it took.
    pub(super) fn find(start: &LogStart, logged: &[LoggedTable], across: bool) -> Self {
        let finder = Finder::new(start, logged, across);
        let mut places = Self::default();
        for table in logged {
            let name = match finder.place(table) {
                Ok(name) => name.clone(),
                Err(because) => {
                    let why = (table.table.clone(), because);
                    places.nowhere.insert(table.number, why);
                    continue;
                }
            };
            if name != table.table {
                let names = (table.table.clone(), name.clone());
                places.renamed.insert(table.number, names);
            }
            places.tables.push(LoggedTable {
                table: name,
                ..table.clone()
            });
        }
        places
    }

    /// Why changes of that table have no place, with its name; none where they have one.
    pub(super) fn misfit(&self, number: i64) -> Option<&(TableName, &'static str)> {
        self.nowhere.get(&number)
    }

    /// The name that a table had when it was written, and that of the backup, if they differ.
    pub(super) fn renamed(&self, number: i64) -> Option<&(TableName, TableName)> {
        self.renamed.get(&number)
    }
}

struct Finder<'a> {
    /// What each table is called in the backup.
    names: BTreeMap<i64, &'a TableName>,
    taken: BTreeSet<&'a TableName>,
    /// Names that new tables have, in whose places they are.
    replaced: BTreeSet<&'a TableName>,
    /// The first of the log's tables of each name.
    first: BTreeMap<&'a TableName, i64>,
    across: bool,
}

impl<'a> Finder<'a> {
    fn new(start: &'a LogStart, logged: &'a [LoggedTable], across: bool) -> Self {
        let names: BTreeMap<i64, &TableName> = match &start.tables {
            Some(tables) => tables
                .iter()
                .map(|one| (one.relation, &one.table))
                .collect(),
            None => as_first_logged(logged),
        };
        let mut first = BTreeMap::new();
        for table in logged {
            first.entry(&table.table).or_insert(table.number);
        }
        let mut finder = Self {
            taken: names.values().copied().collect(),
            names,
            replaced: BTreeSet::new(),
            first,
            across,
        };
        let replaced = logged.iter().filter(|table| finder.is_replacing(table));
        finder.replaced = replaced.map(|table| &table.table).collect();
        finder
    }

    /// Whether a migration has made it, and has given it the name of another one. What somebody else has made was not logged from the
    /// first row on.
    fn is_replacing(&self, table: &LoggedTable) -> bool {
        let is_new = table
            .relation
            .is_some_and(|relation| !self.names.contains_key(&relation));
        self.across && is_new && !table.gap && self.taken.contains(&table.table)
    }

    fn place<'t>(&'t self, table: &'t LoggedTable) -> Result<&'t TableName, &'static str> {
        let Some(relation) = table.relation else {
            return match self.first.get(&table.table) == Some(&table.number) {
                true => Ok(&table.table),
                false => Err(Unreplayed::UNCERTAIN_TABLE),
            };
        };
        match self.names.get(&relation) {
            Some(&name) if *name != table.table && self.replaced.contains(name) => {
                Err(Unreplayed::REPLACED_TABLE)
            }
            Some(&name) => Ok(name),
            None if self.is_replacing(table) => Ok(&table.table),
            None if self.taken.contains(&table.table) => Err(Unreplayed::OTHER_TABLE),
            None => Err(Unreplayed::NO_TABLE),
        }
    }
}

/// What tables were called when they were logged for the first time, where the backup does not say: a name is that of the first
/// table that had it.
fn as_first_logged(logged: &[LoggedTable]) -> BTreeMap<i64, &TableName> {
    let mut names: BTreeMap<i64, &TableName> = BTreeMap::new();
    let (mut seen, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for table in logged {
        let Some(relation) = table.relation else {
            continue;
        };
        if seen.insert(relation) && taken.insert(&table.table) {
            names.insert(relation, &table.table);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use tightrope_engine::NamedRelation;

    use super::*;

    fn name(table: &str) -> TableName {
        TableName::new("", table)
    }

    /// The relations of the backup, `a` and `b`, are 1 and 2.
    fn start(knows_them: bool) -> LogStart {
        let of = |(relation, table)| NamedRelation {
            relation,
            table: name(table),
        };
        LogStart {
            log: 1,
            mark: String::new(),
            tables: knows_them.then(|| [(1, "a"), (2, "b")].map(of).to_vec()),
        }
    }

    fn logged(number: i64, relation: Option<i64>, table: &str, gap: bool) -> LoggedTable {
        LoggedTable {
            number,
            relation,
            table: name(table),
            gap,
            columns: Vec::new(),
            made_by: Vec::new(),
        }
    }

    /// Where the last of these tables, which are a relation and a name each, has its place.
    #[track_caller]
    fn check(
        start: &LogStart,
        across: bool,
        tables: &[(Option<i64>, &str)],
        gap: bool,
        expect: Result<&str, &'static str>,
    ) {
        let last = tables.len();
        let number = |at: usize| i64::try_from(at).unwrap();
        let tables: Vec<LoggedTable> = tables
            .iter()
            .enumerate()
            .map(|(at, (relation, name))| logged(number(at + 1), *relation, name, gap))
            .collect();
        let places = Places::find(start, &tables, across);
        let found = match places.misfit(number(last)) {
            Some((_, because)) => Err(*because),
            None => Ok(places.tables.last().unwrap().table.clone()),
        };
        assert_eq!(found, expect.map(name));
    }

    const BEGUN: [(Option<i64>, &str); 2] = [(Some(1), "a"), (Some(2), "b")];

    /// The tables of the backup, then this one.
    fn then(relation: Option<i64>, table: &str) -> Vec<(Option<i64>, &str)> {
        let mut tables = BEGUN.to_vec();
        tables.push((relation, table));
        tables
    }

    #[test]
    fn a_table_has_its_place_under_any_name() {
        for knows_them in [true, false] {
            let start = start(knows_them);
            check(&start, false, &then(Some(1), "b"), false, Ok("a"));
            check(&start, true, &then(Some(2), "a"), false, Ok("b"));
            check(&start, false, &then(Some(1), "c"), false, Ok("a"));
        }
    }

    #[test]
    fn what_the_snapshot_calls_it_counts_and_not_what_it_was_called_before() {
        let tables = [(Some(1), "b"), (Some(2), "a"), (Some(1), "a")];
        check(&start(true), false, &tables, false, Ok("a"));
        check(&start(false), false, &tables, false, Ok("b"));
    }

    #[test]
    fn a_new_table_has_the_place_of_its_name_only_past_a_migration_that_made_it() {
        let other = Err(Unreplayed::OTHER_TABLE);
        for knows_them in [true, false] {
            let start = start(knows_them);
            check(&start, false, &then(Some(3), "a"), false, other);
            check(&start, true, &then(Some(3), "a"), true, other);
            check(&start, true, &then(Some(3), "a"), false, Ok("a"));
        }
        let none = Err(Unreplayed::NO_TABLE);
        check(&start(true), true, &then(Some(3), "c"), false, none);
    }

    #[test]
    fn two_tables_never_share_a_place() {
        let mut tables = then(Some(3), "a");
        tables.push((Some(1), "a_old"));
        let replaced = Err(Unreplayed::REPLACED_TABLE);
        check(&start(true), true, &tables, false, replaced);
        check(&start(true), false, &tables, false, Ok("a"));
    }

    #[test]
    fn segments_of_an_older_tightrope_count_while_a_name_is_one_table() {
        let tables = [(None, "a"), (None, "b")];
        check(&start(false), false, &tables, false, Ok("b"));
        let tables = [(None, "a"), (None, "b"), (None, "a")];
        let uncertain = Err(Unreplayed::UNCERTAIN_TABLE);
        check(&start(false), false, &tables, false, uncertain);
        check(&start(false), true, &tables, false, uncertain);
    }
}
