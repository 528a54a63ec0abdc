//! Around a forward script: what it touches is found out, kept, and held against the plan.

use std::collections::BTreeSet;

use tightrope_engine::{EngineError, KeptNet, Session};
use tightrope_inverse::Matching;
use tightrope_model::{
    Catalog, ColumnPlan, EngineKind, Keep, NetPlan, ObjectId, ObjectKind, TableChange,
    TableChecksum, TableName, TablePlan, TableShape,
};
use tightrope_script::{Command, Destroys, LockMode, Parsed, StatementKind};

use super::parts;
use super::plan::{Touched, columns_in_both, name_of, plan_net, stand_elsewhere};
use crate::Silent;
use crate::execute::{Quietly, Ready, ScriptFailure};

/// The script wrote to tables that the plan does not know: nothing of theirs was kept.
#[derive(Debug, thiserror::Error)]
#[error("the script wrote to {}, which it did not in the rehearsal", .tables.join(", "))]
pub struct OutsideThePlan {
    /// The tables, with what happened to their rows.
    pub tables: Vec<String>,
}

/// Why looking ended early.
pub(crate) enum LookStop {
    Script(ScriptFailure),
    Engine(EngineError),
}

impl From<EngineError> for LookStop {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<ScriptFailure> for LookStop {
    fn from(failure: ScriptFailure) -> Self {
        Self::Script(failure)
    }
}

/// Finds out inside the open transaction what a script touches, by running it and taking it back: for a migration that was
/// never rehearsed.
pub(crate) fn look(
    session: &mut dyn Session,
    ready: &Ready<'_>,
    dialect: EngineKind,
    before: &Catalog,
) -> Result<NetPlan, LookStop> {
    session.run_quietly("savepoint tightrope_look")?;
    if let Some(net) = session.net() {
        net.shed()?;
    }
    let sequences = super::sequences(session, before)?;
    session.start_counting_rows()?;
    for step in &ready.steps.steps {
        ready.run_step(session, step, &Silent)?;
    }
    session.regain()?;
    let after = session.catalog()?;
    let rows = session.rows_changed()?;
    let moved = super::moved(&sequences, &super::sequences(session, before)?);
    let mut plan = plan_of(
        session,
        rows,
        &ready.parsed,
        dialect,
        (before, &after),
        None,
    )?;
    plan.sequences = moved;
    session.run_quietly("rollback to savepoint tightrope_look")?;
    super::undo_moves(session, &sequences, (before, &after))?;
    session.run_quietly("release savepoint tightrope_look")?;
    Ok(plan)
}

/// Connects to the base.
pub(crate) type Connect<'a> = dyn Fn() -> Result<Box<dyn Session>, EngineError> + 'a;

/// The plan for a script that has written these rows. `base` is a database that is still in
/// the state before, where there is one: what the script did to keys and values is measured there, and else assumed.
pub(crate) fn plan_of(
    session: &mut dyn Session,
    rows: Vec<(TableName, TableChange)>,
    parsed: &Parsed,
    dialect: EngineKind,
    (before, after): (&Catalog, &Catalog),
    base: Option<&Connect<'_>>,
) -> Result<NetPlan, EngineError> {
    let matching = Matching::of(before, after, &super::renames_of(parsed));
    let mut touched = Touched {
        rows,
        named: named_tables(parsed, dialect, before),
        dropped: dropped_tables(parsed, before),
        dropped_columns: dropped_columns(parsed, before),
        unwatched: unwatched_tables(parsed, before),
        ..Touched::default()
    };
    let unseen = unseen_writes(before, after, &matching, &touched);
    touched.named.extend(unseen.iter().cloned());
    let elsewhere = stand_elsewhere(before, after, &matching);
    let needed = !touched.rows.is_empty() || !elsewhere.is_empty();
    let mut base = base.filter(|_| needed).map(|base| base()).transpose()?;
    let plan = plan_net(before, after, &matching, &touched);
    for table in &plan.tables {
        let is_unseen = unseen.contains(&table.before);
        let updated = table.rows.updated > 0 || is_unseen;
        match base.as_deref_mut() {
            _ if table.rows.is_empty() && !is_unseen => {}
            Some(base) => measure(session, base, table, updated, &mut touched)?,
            None if is_unseen || updated && may_change_key(parsed, dialect, table) => {
                touched.keys.insert(table.before.clone());
            }
            None => {}
        }
        // Rows may exchange their keys, which no sum tells, and come later than the rehearsal.
        if table.after.is_some() && sets_key(parsed, dialect, table) {
            touched.keys.insert(table.before.clone());
        }
    }
    for table in elsewhere {
        let (rekeyed, changed) = match base.as_deref_mut() {
            Some(base) => changed_unseen(session, base, &table, (before, after), &matching)?,
            None => (false, true),
        };
        // Rows that come before the script is applied may be those that it changes.
        let sets = |column: &dyn Fn(&str) -> bool| {
            let names = names_of(&table, before, after, &matching);
            may_set(parsed, dialect, &names, column)
        };
        let key = key_names(before, after, &matching, &table);
        let rows = plan.table(&table).map(|table| table.rows);
        let rows = rows.unwrap_or_default();
        // Where rows came or went, other keys are no proof that a row was given another; it is told when the script has run.
        let unproven = rekeyed && (rows.inserted > 0 || rows.deleted > 0);
        let remade = !matching.is_same(&ObjectId::of_table(&table));
        let doubted = !key.is_empty() && (remade || sets(&|column| key.contains(column)));
        // Of rows of which statements changed keys it is written down; the change of the schema may have given them others besides.
        let is_followed =
            touched.keys.contains(&table) && !remade && before.partitioned(&table).is_none();
        if rekeyed && !unproven && !is_followed {
            touched.rekeyed.insert(table.clone());
        } else if doubted || rekeyed {
            touched.doubted.insert(table.clone());
        }
        if changed || sets(&|_| true) {
            touched.rewritten.insert(table);
        }
    }
    // A row that moves from one part to another is known by the same in both.
    let rekeyed = parts::with(before, |table| touched.rekeyed.contains(table));
    touched.rekeyed.extend(rekeyed);
    Ok(plan_net(before, after, &matching, &touched))
}

/// Whether rows of a table that was written anew have other keys than before, and other values in columns of which the schema
/// does not tell it.
fn changed_unseen(
    session: &mut dyn Session,
    base: &mut dyn Session,
    table: &TableName,
    (before, after): (&Catalog, &Catalog),
    matching: &Matching,
) -> Result<(bool, bool), EngineError> {
    let Some((now, columns)) = columns_in_both(before, after, matching, table) else {
        return Ok((false, false));
    };
    let pair = |column: &'_ ColumnPlan| Some((column.before.clone(), column.after.clone()?));
    let mut differ = |pairs: Vec<(String, String)>| -> Result<bool, EngineError> {
        let pairs = pairs
            .iter()
            .map(|(before, after)| (before, after))
            .collect();
        let (old, new) = sums(session, base, (table, &now), pairs)?;
        Ok(old != new)
    };
    let key = before.table(table).map(|shape| shape.key.as_slice());
    let key = key.unwrap_or_default().iter().map(|name| {
        let column = columns.iter().find(|column| column.before == *name);
        column.and_then(pair)
    });
    let rekeyed = match key.collect::<Option<Vec<_>>>() {
        Some(key) if !key.is_empty() => differ(key)?,
        _ => false,
    };
    let stayed = columns.iter().filter(|column| !column.is_lost());
    let changed = differ(stayed.filter_map(pair).collect())?;
    Ok((rekeyed, changed))
}

/// What a table is called before and after, and what the tables are that it inherits from: what is done to these is done to it.
fn names_of(
    table: &TableName,
    before: &Catalog,
    after: &Catalog,
    matching: &Matching,
) -> BTreeSet<TableName> {
    let id = ObjectId::of_table(table);
    let now = matching.now(&id).cloned();
    let mut names = with_ancestors(before, id);
    names.extend(now.into_iter().flat_map(|now| with_ancestors(after, now)));
    names
}

/// A table, and the tables that it inherits from or is a part of.
fn with_ancestors(catalog: &Catalog, id: ObjectId) -> BTreeSet<TableName> {
    let mut names = BTreeSet::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        if !names.insert(name_of(&id)) {
            continue;
        }
        let object = catalog.object(&id);
        let above = object.into_iter().flat_map(|object| &object.depends_on);
        open.extend(above.filter(|id| id.kind == ObjectKind::Table).cloned());
    }
    names
}

/// The columns of a table's key, by their names before and after.
fn key_names(
    before: &Catalog,
    after: &Catalog,
    matching: &Matching,
    table: &TableName,
) -> BTreeSet<String> {
    let key = before.table(table).map(|shape| shape.key.as_slice());
    let key = key.unwrap_or_default();
    let columns = columns_in_both(before, after, matching, table);
    let (_, columns) = columns.unwrap_or_else(|| (table.clone(), Vec::new()));
    let columns = columns.into_iter();
    columns
        .filter(|column| key.contains(&column.before))
        .flat_map(|column| [Some(column.before), column.after])
        .flatten()
        .collect()
}

/// Whether a statement sets values of such columns in a table's rows, or what it does cannot be told. A query is taken for
/// one that changes no schema.
fn may_set(
    parsed: &Parsed,
    dialect: EngineKind,
    names: &BTreeSet<TableName>,
    column: &dyn Fn(&str) -> bool,
) -> bool {
    let untold = parsed.statements.iter().any(|statement| {
        matches!(
            statement.kind,
            StatementKind::Unknown
                | StatementKind::Other(Command::Do | Command::Call | Command::Execute)
        )
    });
    untold
        || set_values(parsed, dialect).any(|(table, columns)| {
            names.iter().any(|name| is_called(name, &table))
                && (columns.is_empty() || columns.iter().any(|name| column(name)))
        })
}

/// Whether a script means a table by this name, which may or may not have its schema before it.
fn is_called(table: &TableName, name: &str) -> bool {
    let bare = name.strip_prefix(table.schema.as_str());
    table.name == name || bare.and_then(|rest| rest.strip_prefix('.')) == Some(&table.name)
}

/// Whether a statement says that it sets a column of a table's key.
fn sets_key(parsed: &Parsed, dialect: EngineKind, table: &TablePlan) -> bool {
    set_values(parsed, dialect).any(|(named, columns)| {
        is_called(&table.before, &named) && columns.iter().any(|name| is_of_key(table, name))
    })
}

fn is_of_key(table: &TablePlan, name: &str) -> bool {
    let mut key = table.key.iter();
    key.any(|key| key.before == name || key.after == name)
}

/// The tables in which statements set values, by the names of before, with the columns; with none where these cannot be told.
fn set_values(parsed: &Parsed, dialect: EngineKind) -> impl Iterator<Item = (String, Vec<String>)> {
    let statements = 0..parsed.statements.len();
    let destroyed = statements.flat_map(move |index| parsed.destroys_of_before(index, dialect));
    destroyed.filter_map(|destroyed| match destroyed {
        Destroys::Values { table, columns } => Some((table, columns)),
        _ => None,
    })
}

/// Whether a script may change values of a table's key: unless its statements name every column that they set.
fn may_change_key(parsed: &Parsed, dialect: EngineKind, table: &TablePlan) -> bool {
    let told = parsed.statements.iter().all(|statement| {
        !matches!(
            statement.kind,
            StatementKind::Unknown
                | StatementKind::Other(
                    Command::Do
                        | Command::Call
                        | Command::Select
                        | Command::Execute
                        | Command::Merge
                )
        )
    });
    let mut named = false;
    for (_, columns) in set_values(parsed, dialect) {
        named = true;
        if columns.is_empty() || columns.iter().any(|name| is_of_key(table, name)) {
            return true;
        }
    }
    !told || !named
}

/// Compares a table with what it was: whether its keys changed, and whether any value of before did.
fn measure(
    session: &mut dyn Session,
    base: &mut dyn Session,
    table: &TablePlan,
    updated: bool,
    touched: &mut Touched,
) -> Result<(), EngineError> {
    let Some(after) = &table.after else {
        return Ok(());
    };
    let key = table
        .key
        .iter()
        .map(|column| (&column.before, &column.after));
    let (old, now) = sums(session, base, (&table.before, after), key.collect())?;
    touched.counts.insert(table.before.clone(), old.rows);
    if updated && old != now {
        touched.keys.insert(table.before.clone());
    }
    let kept = table.columns.iter();
    let kept: Option<Vec<_>> = kept
        .map(|column| Some((&column.before, column.after.as_ref()?)).filter(|_| !column.is_lost()))
        .collect();
    if let Some(kept) = kept {
        let (old, now) = sums(session, base, (&table.before, after), kept)?;
        if old == now {
            touched.unchanged.insert(table.before.clone());
        }
    }
    Ok(())
}

fn sums(
    session: &mut dyn Session,
    base: &mut dyn Session,
    (before, after): (&TableName, &TableName),
    columns: Vec<(&String, &String)>,
) -> Result<(TableChecksum, TableChecksum), EngineError> {
    let (old, new): (Vec<String>, Vec<String>) = columns
        .into_iter()
        .map(|(before, after)| (before.clone(), after.clone()))
        .unzip();
    let of = |table: &TableName, columns| TableShape {
        table: table.clone(),
        columns,
        key: Vec::new(),
    };
    let mut olds = base.checksums(&[of(before, old)])?;
    let mut news = session.checksums(&[of(after, new)])?;
    match (olds.pop(), news.pop()) {
        (Some(old), Some(new)) => Ok((old, new)),
        _ => Err(EngineError::new(
            tightrope_engine::ErrorKind::Other,
            "the server's answer about its rows is incomplete",
        )),
    }
}

/// Tables in which a script that writes any rows may have written others by the way, by cascades or triggers, without the
/// engine's counting them.
fn unseen_writes(
    before: &Catalog,
    after: &Catalog,
    matching: &Matching,
    touched: &Touched,
) -> BTreeSet<TableName> {
    if touched.rows.is_empty() && touched.dropped.is_empty() {
        return BTreeSet::new();
    }
    let says = |catalog: &Catalog, id: &ObjectId| {
        let object = catalog.object(id);
        object.is_some_and(|object| object.attribute("unseen_writes").is_some())
    };
    let tables = before.tables().iter().map(|shape| &shape.table);
    tables
        .filter(|table| {
            let id = ObjectId::of_table(table);
            says(before, &id) || matching.now(&id).is_some_and(|now| says(after, now))
        })
        .cloned()
        .collect()
}

/// Tables whose rows the script's statements name, whether or not there are any.
pub(crate) fn named_tables(
    parsed: &Parsed,
    dialect: EngineKind,
    before: &Catalog,
) -> BTreeSet<TableName> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for (index, statement) in parsed.statements.iter().enumerate() {
        for destroyed in parsed.destroys_of_before(index, dialect) {
            match destroyed {
                Destroys::Rows(table) | Destroys::Values { table, .. } => {
                    names.insert(table);
                }
                _ => {}
            }
        }
        let writes = [
            Command::Insert,
            Command::Merge,
            Command::Copy,
            Command::Replace,
        ];
        if writes
            .iter()
            .any(|&command| statement.kind == StatementKind::Other(command))
        {
            let written = statement
                .locks
                .iter()
                .filter(|lock| lock.mode == LockMode::RowExclusive);
            names.extend(written.map(|lock| lock.relation.clone()));
        }
    }
    let is_named = |table: &&TableName| {
        let above = with_ancestors(before, ObjectId::of_table(table));
        above
            .iter()
            .any(|table| names.iter().any(|name| is_called(table, name)))
    };
    let tables = before.tables().iter().map(|shape| &shape.table);
    tables.filter(is_named).cloned().collect()
}

/// Tables of before that the script's statements drop, under whatever name they have then.
fn dropped_tables(parsed: &Parsed, before: &Catalog) -> BTreeSet<TableName> {
    let dropped = tightrope_script::dropped_tables(parsed);
    let tables = before.tables().iter().map(|shape| &shape.table);
    tables
        .filter(|table| {
            dropped
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&table.name))
        })
        .cloned()
        .collect()
}

/// Tables of before on which the script's statements switch all triggers off, their own or those of what they are parts of.
fn unwatched_tables(parsed: &Parsed, before: &Catalog) -> BTreeSet<TableName> {
    let off: Vec<&String> = parsed
        .statements
        .iter()
        .flat_map(|statement| &statement.triggers_off)
        .collect();
    if off.is_empty() {
        return BTreeSet::new();
    }
    let tables = before.tables().iter().map(|shape| &shape.table);
    let is_off = |table: &&TableName| {
        let names = with_ancestors(before, ObjectId::of_table(table));
        names
            .iter()
            .any(|name| off.iter().any(|off| is_called(name, off)))
    };
    tables.filter(is_off).cloned().collect()
}

/// Columns of before that the script's statements drop, under whatever name they have then.
fn dropped_columns(parsed: &Parsed, before: &Catalog) -> BTreeSet<ObjectId> {
    let dropped = tightrope_script::dropped_columns(parsed);
    let columns = before
        .objects()
        .filter(|object| object.id.kind == ObjectKind::Column);
    columns
        .filter(|column| {
            let table = column.id.table_of_column();
            let is = |name: &str, id: &ObjectId| {
                id.path
                    .last()
                    .is_some_and(|own| own.eq_ignore_ascii_case(name))
            };
            dropped
                .iter()
                .any(|(of, name)| is(of, &table) && is(name, &column.id))
        })
        .map(|column| column.id.clone())
        .collect()
}

/// Spreads the net in the open transaction, if the engine has one.
pub(crate) fn spread(
    session: &mut dyn Session,
    number: i64,
    plan: &NetPlan,
    before: &Catalog,
) -> Result<Option<KeptNet>, EngineError> {
    let Some(net) = session.net() else {
        return Ok(None);
    };
    let kept = net.spread(number, plan, before)?;
    session.start_counting_rows()?;
    Ok(Some(kept))
}

/// Holds the script to the plan: every table of before whose rows it wrote had its rows kept. What it wrote goes by what it did now, where
/// that is more than in the rehearsal.
pub(crate) fn outside(
    session: &mut dyn Session,
    plan: &NetPlan,
    kept: &mut KeptNet,
    matching: &Matching,
) -> Result<Result<(), OutsideThePlan>, EngineError> {
    let mut tables = Vec::new();
    let numbered = session.capabilities().object_numbers;
    for (table, change) in session.rows_changed()? {
        let id = ObjectId::of_table(&table);
        let Some(before) = matching.before(&id) else {
            continue;
        };
        if numbered && !matching.is_same(before) {
            // Made by the script under the name of one that is gone: none of its rows was there before.
            continue;
        }
        let mut planned = plan.tables.iter();
        let planned = planned.find(|planned| ObjectId::of_table(&planned.before) == *before);
        // Columns alone are kept of tables whose rows are not written.
        let planned =
            planned.filter(|planned| !matches!(planned.keep, Keep::Nothing | Keep::Columns));
        if let Some(planned) = planned {
            let mut own = kept.tables.iter_mut().map(|table| &mut table.plan);
            if let Some(own) = own.find(|own| own.before == planned.before) {
                own.rows = own.rows.at_least(change);
            }
        } else {
            let TableChange {
                inserted,
                updated,
                deleted,
            } = change;
            tables.push(format!(
                "{table} ({inserted} inserted, {updated} updated, {deleted} deleted)"
            ));
        }
    }
    Ok(if tables.is_empty() {
        Ok(())
    } else {
        Err(OutsideThePlan { tables })
    })
}

/// Opens the window of a net, after the forward script and in its transaction.
pub(crate) fn open_window(
    session: &mut dyn Session,
    kept: &mut KeptNet,
    before: &Catalog,
    after: &Catalog,
) -> Result<(), EngineError> {
    match session.net() {
        Some(net) => net.open_window(kept, before, after),
        None => Ok(()),
    }
}
