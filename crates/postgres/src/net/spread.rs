//! Before the forward script: lock, then copy.

use tightrope_engine::{EngineError, ErrorKind, KeptNet, KeptTable};
use tightrope_model::{Catalog, Keep, NetPlan, TablePlan, Value};

use super::catch::Catch;
use super::columns::Columns;
use super::{names, parts, rekeyed, sequences, settings, stand_in};
use crate::quote::quote;
use crate::session::PostgresSession;

/// Locks the tables of which something is kept, and copies what the plan says.
pub(super) fn spread(
    session: &mut PostgresSession,
    number: i64,
    plan: &NetPlan,
    before: &Catalog,
) -> Result<KeptNet, EngineError> {
    make_room(session)?;
    let lossy: Vec<&TablePlan> = plan
        .tables
        .iter()
        .filter(|table| table.keep != Keep::Nothing)
        .collect();
    if !lossy.is_empty() {
        must_see_what_is_committed(session)?;
    }
    lock(session, &lossy)?;
    if lossy.iter().any(|table| table.key.is_empty()) {
        // Rows without a key are known by their order: whatever reads a table whole begins at its beginning.
        session.execute_own("set local synchronize_seqscans = off")?;
    }
    let mut kept = KeptNet {
        number,
        tables: Vec::new(),
        sequences: sequences::keep(session, plan)?,
    };
    for table in &plan.tables {
        let mut of_table = KeptTable {
            plan: table.clone(),
            rows: None,
            inserted: None,
            touched: None,
            set_aside: None,
            left: Vec::new(),
            stand_in: None,
            rekeyed: None,
            bounds: match table.divided.is_some() && !table.is_made {
                true => parts::bounds(session, &table.before)?,
                false => None,
            },
        };
        match table.keep {
            Keep::Nothing => {}
            Keep::Tombstone => {
                of_table.set_aside = Some(names::own(number, table, "tombstone"));
            }
            Keep::Changed if !table.key.is_empty() => catch(session, number, &mut of_table)?,
            _ => copy(session, number, &mut of_table, before)?,
        }
        rekeyed::begin(session, number, &mut of_table, before)?;
        kept.tables.push(of_table);
    }
    protect(session, &names::prefix(number))?;
    Ok(kept)
}

/// The store has made the schema already, unless the database is a copy that has none.
pub(super) fn make_room(session: &mut PostgresSession) -> Result<(), EngineError> {
    let there = session.query_own(
        "select 1::bigint from pg_catalog.pg_namespace where nspname = 'tightrope'",
        &[],
    )?;
    if there.is_empty() {
        session
            .execute_own("create schema tightrope; revoke all on schema tightrope from public")?;
    }
    Ok(())
}

/// A snapshot that is older than the locks would miss what was written in between.
fn must_see_what_is_committed(session: &mut PostgresSession) -> Result<(), EngineError> {
    let level = session.query_own("select current_setting('transaction_isolation')", &[])?;
    let level = level
        .first()
        .and_then(|row| row.first())
        .and_then(Value::text);
    match level {
        Some("read committed") => Ok(()),
        level => Err(EngineError::new(
            ErrorKind::Unsupported,
            format!("the transaction is {}, so rows that are written before the tables are locked would not be kept", level.unwrap_or_default()),
        )
        .hint("set default_transaction_isolation to read committed for the role that migrates")),
    }
}

fn lock(session: &mut PostgresSession, tables: &[&TablePlan]) -> Result<(), EngineError> {
    let mut names: Vec<String> = tables
        .iter()
        .map(|table| format!("only {}", names::sql(&table.before)))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    // Whoever locks the same tables does so in the same order.
    names.sort();
    session.execute_own(&format!(
        "lock table {} in share row exclusive mode",
        names.join(", ")
    ))
}

/// Lets triggers keep what the script changes.
fn catch(
    session: &mut PostgresSession,
    number: i64,
    kept: &mut KeptTable,
) -> Result<(), EngineError> {
    let (rows, inserted) = (
        names::own(number, &kept.plan, "rows"),
        names::own(number, &kept.plan, "inserted"),
    );
    Catch {
        number,
        plan: &kept.plan,
        rows: &rows,
        inserted: &inserted,
    }
    .begin(session)?;
    (kept.rows, kept.inserted) = (Some(rows), Some(inserted));
    Ok(())
}

fn copy(
    session: &mut PostgresSession,
    number: i64,
    kept: &mut KeptTable,
    before: &Catalog,
) -> Result<(), EngineError> {
    let plan = &kept.plan;
    let columns = Columns::of(session, &plan.before)?;
    let whole = stand_in::is_worth_it(session, plan, &columns, before)?;
    let wanted = |name: &str| {
        plan.keep != Keep::Columns
            || whole
            || plan.key.iter().any(|key| key.before == name)
            || plan
                .columns
                .iter()
                .any(|column| column.before == name && column.is_lost())
    };
    let mut selected = Vec::new();
    for planned in plan.columns.iter().filter(|column| wanted(&column.before)) {
        let column = columns.planned(plan, &planned.before)?;
        selected.push(format!("{} as {}", column.copied("t"), quote(&column.name)));
    }
    let rows = names::own(number, plan, "rows");
    let sql = format!(
        "create table {rows} as select {} from only {} t; alter table {rows} replica identity full",
        selected.join(", "),
        names::sql(&plan.before),
        rows = names::sql(&rows),
    );
    match plan.key.is_empty() {
        // Several processes would mix the rows.
        true => settings::under(session, "max_parallel_workers_per_gather", "0", |session| {
            session.execute_own(&sql)
        })?,
        false => session.execute_own(&sql)?,
    }
    kept.stand_in = whole.then_some(0);
    kept.rows = Some(rows);
    Ok(())
}

/// Takes away what default privileges have given others on the net's tables and functions.
pub(super) fn protect(session: &mut PostgresSession, prefix: &str) -> Result<(), EngineError> {
    let grants = session.query_own(
        "select distinct g.kind || ' ' || g.object || ' from ' || \
         case g.grantee when 0 then 'public' else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) end \
         from (select 'table' as kind, c.oid::regclass::text as object, c.relowner as owner, a.grantee \
           from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a \
           where c.relnamespace = 'tightrope'::regnamespace and c.relkind = 'r' and pg_catalog.starts_with(c.relname::text, $1) \
           union all \
           select 'function', p.oid::regprocedure::text, p.proowner, a.grantee \
           from pg_catalog.pg_proc p, pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a \
           where p.pronamespace = 'tightrope'::regnamespace and pg_catalog.starts_with(p.proname::text, $2)) g \
         where g.grantee <> g.owner",
        &[Value::from(prefix), Value::from(prefix)],
    )?;
    for grant in grants.iter().filter_map(|row| row.first()?.text()) {
        session.execute_own(&format!("revoke all on {grant} cascade"))?;
    }
    Ok(())
}
