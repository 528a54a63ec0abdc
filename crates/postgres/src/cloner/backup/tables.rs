//! Single tables out of a backup.
//!
//! The backup's schema is restored into a scratch database, with the rows of those tables alone; from there `pg_dump` takes
//! whatever belongs to them and `pg_restore` brings it over in one transaction.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tightrope_engine::{
    BackupFiles, BackupWatch, Changes as _, ConnectOptions, DatabaseUrl, EngineError, ErrorKind,
    Restored as _, Scratch as _, Session as _, TableContent,
};
use tightrope_model::{TableName, Value};

use super::super::programs::{Programs, point_at};
use super::children::Running;
use super::restore::{self, RestoredDatabase};
use super::{DUMP, reading};
use crate::connect::Target;
use crate::quote::quote_qualified;
use crate::session::PostgresSession;

/// Brings the tables into a database that does not have them.
pub(super) fn restore(
    bin_dir: Option<&Path>,
    files: &BackupFiles<'_>,
    tables: &[TableContent],
    into: &DatabaseUrl,
    watch: &dyn BackupWatch,
) -> Result<Vec<String>, EngineError> {
    let mut session = reading(into)?;
    let catalog = session.catalog()?;
    let there = tables
        .iter()
        .find(|table| catalog.table(&table.shape.table).is_some());
    if let Some(table) = there {
        return Err(EngineError::new(
            ErrorKind::AlreadyExists,
            format!("the table `{}` is there already", table.shape.table),
        )
        .hint("rename it first: `alter table … rename to …`"));
    }
    let programs = restore::programs(bin_dir, files, session.major)?;
    drop(session);
    let room = Room::make()?;
    let contents = room.folder.join("contents");
    list(&programs, files, tables, &contents)?;
    let restored = restore::restore(bin_dir, files, into, 1, Some(&contents), watch)?;
    free_logs(restored.url())?;
    free_nets(restored.url(), into)?;
    compare(tables, restored.url())?;
    let dump = room.folder.join("tables.dump");
    dump_tables(&programs, &restored, tables, &dump, watch)?;
    watch.reached("before the tables are committed");
    bring(&programs, into, &dump, watch)?;
    watch.reached("tables committed");
    // The rows were compared before they were brought over in one transaction: whoever writes by now may do so.
    Ok(vec![
        "foreign keys of and to these tables are left out: add them once the rows fit".to_owned(),
    ])
}

/// A folder of its own for what is needed in between; removed when dropped.
struct Room {
    folder: PathBuf,
}

impl Room {
    fn make() -> Result<Self, EngineError> {
        let folder = std::env::temp_dir().join(super::super::scratch_name());
        // Rows lie in it for a while.
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder
            .create(&folder)
            .map_err(|error| unwritable(&folder, &error))?;
        Ok(Self { folder })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // A folder for temporary files is swept by the system.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::new(
        ErrorKind::Other,
        format!("{} cannot be written", path.display()),
    )
    .detail(error.to_string())
}

/// Writes the table of contents without the rows of other tables, and without foreign keys, which they would break.
fn list(
    programs: &Programs,
    files: &BackupFiles<'_>,
    tables: &[TableContent],
    path: &Path,
) -> Result<(), EngineError> {
    let output = programs
        .command("pg_restore")
        .arg("--list")
        .arg(files.folder.join(DUMP))
        .output()
        .map_err(|error| super::super::dump::not_run("pg_restore", &error))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(super::super::dump::failed(
            "pg_restore",
            output.status,
            &text,
        ));
    }
    let mut kept = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if is_wanted(line, tables) {
            let _ = writeln!(kept, "{line}");
        }
    }
    fs::write(path, kept).map_err(|error| unwritable(path, &error))
}

/// `215; 0 16385 TABLE DATA public orders postgres`: the name stands whole before the owner.
fn is_wanted(line: &str, tables: &[TableContent]) -> bool {
    let has_name = |TableName { schema, name }: &TableName| {
        line.contains(&format!(" {schema} {name} ")) || line.ends_with(&format!(" {schema} {name}"))
    };
    if line.contains(" TABLE DATA ") {
        return tables.iter().any(|table| has_name(&table.shape.table));
    }
    ![
        "FK CONSTRAINT",
        "MATERIALIZED VIEW DATA",
        "SUBSCRIPTION",
        "EVENT TRIGGER",
    ]
    .iter()
    .any(|kind| line.contains(&format!(" {kind} ")))
}

/// A table brought over with the trigger of a change log would call a function that is not there.
fn free_logs(url: &DatabaseUrl) -> Result<(), EngineError> {
    PostgresSession::open(url, &ConnectOptions::default())?.end_all()
}

/// Nor may a table bring the triggers of a net whose window was ended since the backup.
fn free_nets(restored: &DatabaseUrl, into: &DatabaseUrl) -> Result<(), EngineError> {
    let mut session = PostgresSession::open(restored, &ConnectOptions::default())?;
    let triggers = session.query_own(
        "select p.oid::regprocedure::text, pg_catalog.quote_ident(g.tgname) || ' on ' || g.tgrelid::regclass::text \
         from pg_catalog.pg_trigger g join pg_catalog.pg_proc p on p.oid = g.tgfoid \
         where p.pronamespace = pg_catalog.to_regnamespace('tightrope') \
         and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_trigger'::regclass \
           and d.objid = g.oid and d.refclassid = 'pg_catalog.pg_trigger'::regclass) order by 1, 2",
        &[],
    )?;
    let mut there = reading(into)?;
    for row in &triggers {
        let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
        let function = there.query_own(
            "select 1::bigint where pg_catalog.to_regprocedure($1) is not null",
            &[Value::from(text(0))],
        )?;
        if function.is_empty() {
            session.execute_own(&format!("drop trigger {}", text(1)))?;
        }
    }
    Ok(())
}

/// The rows there are those of the backup.
fn compare(tables: &[TableContent], url: &DatabaseUrl) -> Result<(), EngineError> {
    let shapes: Vec<_> = tables.iter().map(|table| table.shape.clone()).collect();
    let found = reading(url)?.checksums(&shapes)?;
    for (table, found) in tables.iter().zip(found) {
        if table.checksum.as_ref().is_some_and(|sum| *sum != found) {
            return Err(EngineError::new(
                ErrorKind::Other,
                format!(
                    "the rows of `{}` are not those of the backup",
                    table.shape.table
                ),
            ));
        }
    }
    Ok(())
}

fn dump_tables(
    programs: &Programs,
    restored: &RestoredDatabase,
    tables: &[TableContent],
    path: &Path,
    watch: &dyn BackupWatch,
) -> Result<(), EngineError> {
    let mut command = programs.command("pg_dump");
    command
        .args(["--format=custom", "--compress=0", "--verbose"])
        .arg(format!("--file={}", path.display()));
    for table in tables {
        let TableName { schema, name } = &table.shape.table;
        command.arg(format!("--table={}", quote_qualified(schema, name)));
    }
    let place = Target::parse(restored.url())?;
    point_at(&mut command, &place, restored.scratch().name());
    let running = Running::start("pg_dump", &mut command)?;
    let of = tables.len() as u64;
    running
        .watch("dumping contents of table", "tables taken out", of, watch)?
        .require("pg_dump")
}

fn bring(
    programs: &Programs,
    into: &DatabaseUrl,
    dump: &Path,
    watch: &dyn BackupWatch,
) -> Result<(), EngineError> {
    let target = Target::parse(into)?;
    let mut command = programs.command("pg_restore");
    command
        .args(["--single-transaction", "--exit-on-error", "--verbose"])
        .arg(format!("--dbname={}", target.database()))
        .arg(dump);
    point_at(&mut command, &target, target.database());
    let running = Running::start("pg_restore", &mut command)?;
    running
        .watch("processing data for table", "tables restored", 0, watch)?
        .require("pg_restore")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_model::TableShape;

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_look_into_the_room() {
        use std::os::unix::fs::PermissionsExt as _;
        let room = Room::make().unwrap();
        let mode = fs::metadata(&room.folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn the_contents_keep_the_schema_and_the_rows_of_some_tables() {
        let tables = [TableContent {
            shape: TableShape {
                table: TableName::new("public", "orders"),
                columns: Vec::new(),
                key: Vec::new(),
            },
            checksum: None,
        }];
        let check = |line, expect| assert_eq!(is_wanted(line, &tables), expect, "{line}");
        check("215; 1259 16385 TABLE public users me", true);
        check("3300; 0 16385 TABLE DATA public orders me", true);
        check("3301; 0 16386 TABLE DATA public orders_old me", false);
        check("3302; 0 16387 TABLE DATA other orders me", false);
        check(
            "3200; 2606 16400 FK CONSTRAINT public orders orders_user_fkey me",
            false,
        );
        check(
            "3201; 2606 16401 CONSTRAINT public orders orders_pkey me",
            true,
        );
    }
}
