//! The ways back of a migration that is not applied yet, and what has to be decided about them beforehand.

use std::collections::BTreeMap;

use tightrope_model::{Catalog, EngineKind, NetPlan, Object, ObjectId, TableName};
use tightrope_script::Migration;
use tightrope_store::Certificate;

use crate::plan::WayBack;

/// Where a time comes from that was measured on a sample.
pub const EXTRAPOLATED: &str = "at the most, extrapolated from a sample and a copy without rows";

/// A migration, and what is known about its way back.
pub(crate) struct Way<'a> {
    pub(crate) migration: &'a Migration,
    pub(crate) dialect: EngineKind,
    pub(crate) one_transaction: bool,
    pub(crate) certificate: Option<&'a Certificate>,
}

impl<'a> Way<'a> {
    /// The ways back, best first.
    pub(crate) fn ways_back(&self) -> Vec<WayBack> {
        vec![self.during(), self.after_the_commit(), restore()]
    }

    /// What the net will keep: it is spread only around a single transaction.
    pub(crate) fn net(&self) -> Option<&'a NetPlan> {
        let certificate = self.certificate.filter(|_| self.one_transaction)?;
        certificate.net.as_ref()
    }

    /// Whether the derived rollback leads back: it was certified, or none is written.
    pub(crate) fn is_derived(&self) -> bool {
        match self.certificate {
            Some(certificate) => certificate.derived,
            None => !self.has_script() && self.one_transaction,
        }
    }

    /// Whether it may turn out in the rehearsal that no row is touched: then a migration in steps is led back by derivation.
    fn may_be_derived(&self) -> bool {
        self.certificate.is_none() && !self.has_script()
    }

    fn has_script(&self) -> bool {
        let rollback = self.migration.rollback.as_ref();
        rollback.is_some_and(|script| !script.is_empty(self.dialect))
    }

    fn during(&self) -> WayBack {
        if self.one_transaction {
            return WayBack {
                way: 'a',
                what: "inside the transaction",
                milliseconds: Some(0),
                source: "by the engine",
                loses: "nothing".to_owned(),
                proven: "by the engine".to_owned(),
                open: true,
            };
        }
        WayBack {
            way: 'b',
            what: "undo from the journal",
            milliseconds: self.rollback_ms(),
            source: match self.sample() {
                Some(_) => EXTRAPOLATED,
                None => "rollback in rehearsal",
            },
            loses: "nothing".to_owned(),
            proven: self.proven(),
            open: self.migration.rollback.is_some(),
        }
    }

    fn after_the_commit(&self) -> WayBack {
        let declared = self.migration.settings.irreversible.as_ref();
        let leads_back = self.has_script() || self.is_derived();
        WayBack {
            way: 'c',
            what: match (self.is_derived(), self.one_transaction) {
                (true, true) => "derived rollback and net",
                (true, false) => "derived rollback",
                (false, true) => "rollback script and net",
                (false, false) => "rollback script",
            },
            milliseconds: self.rollback_ms(),
            source: match self.sample() {
                Some(_) => EXTRAPOLATED,
                None => "measured in rehearsal",
            },
            loses: match (declared, self.certificate) {
                (Some(reason), _) => format!("closed: {reason}"),
                (None, _) if !leads_back && self.may_be_derived() => {
                    "closed, unless the rehearsal shows that no row is touched: no rollback script, and no net in steps"
                        .to_owned()
                }
                (None, _) if !leads_back => "closed: there is no rollback script".to_owned(),
                (None, Some(certificate)) if self.net().is_some() => loses(certificate),
                (None, Some(certificate)) if certificate.derived => {
                    "nothing: no row is touched, forward or back".to_owned()
                }
                (None, Some(_)) => {
                    "nothing of before; rows written since stay as far as the script keeps them"
                        .to_owned()
                }
                (None, None) => "unknown until rehearsed".to_owned(),
            },
            proven: self.proven(),
            open: leads_back && declared.is_none(),
        }
    }

    fn sample(&self) -> Option<&'a str> {
        self.certificate.and_then(Certificate::sample)
    }

    /// How long the way back takes; after a rehearsal on a sample, at the most.
    fn rollback_ms(&self) -> Option<u64> {
        if self.sample().is_none() {
            return self.certificate.map(|certificate| certificate.rollback_ms);
        }
        let both = self.certificate?.extrapolated.as_ref()?;
        both.rollback.map(|rollback| rollback.most_ms)
    }

    fn proven(&self) -> String {
        match self.certificate {
            Some(_) => "in rehearsal".to_owned(),
            None => "no".to_owned(),
        }
    }
}

fn loses(certificate: &Certificate) -> String {
    match certificate.losses.len() {
        0 => "nothing; a row that the old schema cannot hold goes whole into quarantine".to_owned(),
        1 => "1 thing that cannot be made again exactly".to_owned(),
        several => format!("{several} things that cannot be made again exactly"),
    }
}

fn restore() -> WayBack {
    WayBack {
        way: 'd',
        what: "restore a backup of your own",
        milliseconds: None,
        source: "not measured",
        loses: "what was written since the backup".to_owned(),
        proven: "no: no place for backups is named".to_owned(),
        open: false,
    }
}

/// Columns that go away, that the schema of before demands a value for, and that have no default and no `[fill]` expression.
pub(crate) fn asks_fill(
    net: &NetPlan,
    catalog: &Catalog,
    fill: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut asked = Vec::new();
    for table in net.tables.iter().filter(|table| table.after.is_some()) {
        let lost = table.columns.iter().filter(|column| column.after.is_none());
        for column in lost {
            let Some(object) = column_of(catalog, &table.before, &column.before) else {
                continue;
            };
            let name = format!("{}.{}", table.before, column.before);
            let full = format!("{}.{name}", table.before.schema);
            let given = fill.contains_key(&name) || fill.contains_key(&full);
            if demands_a_value(object) && !given {
                asked.push(name);
            }
        }
    }
    asked
}

fn column_of<'c>(catalog: &'c Catalog, table: &TableName, column: &str) -> Option<&'c Object> {
    catalog.object(&ObjectId::of_column(table, column))
}

fn demands_a_value(column: &Object) -> bool {
    column.attribute("not_null").is_some()
        && ["default", "identity", "generated"]
            .iter()
            .all(|attribute| column.attribute(attribute).is_none())
}

/// What has to be decided because the best way back after the commit is slower than the migration's budget.
pub(crate) fn decision(migration: &Migration, ways: &[WayBack]) -> Option<String> {
    let budget_ms = migration.settings.rollback_budget_s?.saturating_mul(1000);
    let after_commit = ways.iter().find(|way| way.way == 'c')?;
    match (after_commit.open, after_commit.milliseconds) {
        (true, Some(milliseconds)) if milliseconds <= budget_ms => None,
        (true, Some(milliseconds)) => Some(format!(
            "the way back takes {milliseconds} ms, the budget is {budget_ms} ms: decide now whether to fix forward instead"
        )),
        (true, None) => {
            Some("the way back's time is unknown until rehearsed, and there is a budget".to_owned())
        }
        (false, _) => Some(
            "there is no way back after the commit: decide now whether to fix forward instead"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_model::{AttributeLevel, ColumnPlan, Keep, ObjectKind, TableChange, TablePlan};

    fn plan(columns: &[&str]) -> NetPlan {
        let lost = |name: &&str| ColumnPlan {
            before: (*name).to_owned(),
            after: None,
            type_before: "text".to_owned(),
            type_after: None,
            hidden: false,
        };
        let table = TableName::new("public", "users");
        NetPlan {
            tables: vec![TablePlan {
                number: 1,
                after: Some(table.clone()),
                before: table,
                key: Vec::new(),
                columns: columns.iter().map(lost).collect(),
                added: Vec::new(),
                keep: Keep::Columns,
                rows: TableChange::default(),
                truncated: false,
                key_changes: false,
                key_in_doubt: false,
                rows_before: 3,
                divided: None,
                is_made: false,
            }],
            sequences: Vec::new(),
            remarks: Vec::new(),
        }
    }

    #[test]
    fn a_value_is_asked_for_where_the_old_schema_demands_one_and_has_none() {
        let column = |name: &str, attributes: &[&str]| {
            let id = ObjectId::new(ObjectKind::Column, ["public", "users", name]);
            let with =
                |object: Object, name: &&str| object.with(*name, AttributeLevel::Logical, "yes");
            attributes.iter().fold(Object::new(id), with)
        };
        let columns = [
            column("name", &["not_null"]),
            column("born", &[]),
            column("status", &["not_null", "default"]),
        ];
        let catalog = Catalog::new(columns, Vec::new());
        let check = |fill: &[&str], expect: &[&str]| {
            let fill = fill
                .iter()
                .map(|name| ((*name).to_owned(), "''".to_owned()));
            let asked = asks_fill(
                &plan(&["name", "born", "status"]),
                &catalog,
                &fill.collect(),
            );
            assert_eq!(asked, expect);
        };
        check(&[], &["users.name"]);
        check(&["users.name"], &[]);
        check(&["public.users.name"], &[]);
    }
}
