//! One migration there and back with the net alone: the lifecycle's part is done by hand.

use std::collections::BTreeMap;

use tightrope_engine::{Fill, KeptNet, Merged, Quarantined, Session, Window};
use tightrope_inverse::{Matching, Sources};
use tightrope_model::{
    Catalog, ColumnPlan, Keep, KeyColumn, NetPlan, Object, ObjectId, ObjectKind, TableChange,
    TableName, TablePlan,
};
use tightrope_testkit::servers::{PostgresServer, TestDatabase};

use crate::support::{run, servers, session, url};

/// What is to be walked.
#[derive(Clone, Default)]
pub(crate) struct Walk<'a> {
    /// The schema and rows of before.
    pub(crate) setup: &'a str,
    pub(crate) forward: &'a str,
    /// What the application writes in the window; the twin gets it, too.
    pub(crate) writes: &'a str,
    /// What the twin gets instead, if it means something else there.
    pub(crate) twin_writes: Option<&'a str>,
    /// The way back of the schema, for tables that are merged in place.
    pub(crate) undo: &'a str,
    /// How rows are kept, `Whole` if nothing is said.
    pub(crate) keep: Option<Keep>,
    /// A table that is built anew from its source, and what it is made with.
    pub(crate) rebuild: Option<(&'a str, &'a str)>,
    pub(crate) fill: Fill,
    /// The undo is a rollback script that somebody wrote.
    pub(crate) script: bool,
}

/// What came of it.
pub(crate) struct Walked {
    pub(crate) merged: Merged,
    pub(crate) quarantined: Vec<Quarantined>,
    /// The rows of each table, by name.
    pub(crate) rows: BTreeMap<String, Vec<String>>,
    /// Those of the twin.
    pub(crate) twin: BTreeMap<String, Vec<String>>,
}

impl Walked {
    /// The state is that of the twin.
    pub(crate) fn like_twin(self) -> Self {
        assert_eq!(self.rows, self.twin);
        self
    }
}

/// A database in which the window is open.
pub(crate) struct InWindow {
    pub(crate) database: TestDatabase,
    pub(crate) session: Box<dyn Session>,
    pub(crate) kept: KeptNet,
    pub(crate) before: Catalog,
    pub(crate) after: Catalog,
}

impl Walk<'_> {
    /// Migrates a new database.
    pub(crate) fn migrate(&self, server: &PostgresServer) -> InWindow {
        let database = server.create_database().unwrap();
        let mut session = session(&url(&database));
        script(session.as_mut(), self.setup);
        self.migrate_in(database, session)
    }

    /// Migrates a database that is set up.
    pub(crate) fn migrate_in(
        &self,
        database: TestDatabase,
        mut session: Box<dyn Session>,
    ) -> InWindow {
        let plan = plan(
            session.as_mut(),
            self.forward,
            self.keep.unwrap_or(Keep::Whole),
        );
        session.begin().unwrap();
        let before = session.catalog().unwrap();
        let net = session.net().unwrap();
        let mut kept = net.spread(1, &plan, &before).unwrap();
        script(session.as_mut(), self.forward);
        let after = session.catalog().unwrap();
        let net = session.net().unwrap();
        net.open_window(&mut kept, &before, &after).unwrap();
        assert_eq!(session.catalog().unwrap(), after, "the net shows");
        session.commit().unwrap();
        let stored = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<KeptNet>(&stored).unwrap(), kept);
        InWindow {
            database,
            session,
            kept,
            before,
            after,
        }
    }

    /// Migrates, lets the application write, and goes back.
    pub(crate) fn there_and_back(&self, server: &PostgresServer) -> Walked {
        let mut there = self.migrate(server);
        script(session(&url(&there.database)).as_mut(), self.writes);
        let twin = server.create_database().unwrap();
        let mut of_twin = session(&url(&twin));
        script(of_twin.as_mut(), self.setup);
        script(of_twin.as_mut(), self.twin_writes.unwrap_or(self.writes));
        let (merged, quarantined) = self.back(&mut there);
        Walked {
            merged,
            quarantined,
            rows: contents(there.session.as_mut()),
            twin: contents(of_twin.as_mut()),
        }
    }

    /// Goes back.
    pub(crate) fn back(&self, there: &mut InWindow) -> (Merged, Vec<Quarantined>) {
        let (session, kept) = (there.session.as_mut(), &there.kept);
        let window = Window {
            before: &there.before,
            after: &there.after,
            fill: &self.fill,
        };
        session.begin().unwrap();
        session.net().unwrap().close_window(kept).unwrap();
        let mut quarantined = session.net().unwrap().take_out(kept, &window).unwrap();
        let sources = session.net().unwrap().sources(kept, &window).unwrap();
        let mut rebuilt = Vec::new();
        if let Some((table, shape)) = self.rebuild {
            let name = TableName::new("public", table);
            rebuild(session, kept, &sources, &name, shape);
            rebuilt.push(name);
        }
        script(session, self.undo);
        let net = session.net().unwrap();
        let (merged, displaced) = match self.script {
            true => net.merge_after_script(kept, &window),
            false => net.merge(kept, &window, &rebuilt),
        }
        .unwrap();
        quarantined.extend(displaced);
        let unlike = session.net().unwrap().unlike(kept).unwrap();
        assert!(unlike.iter().all(|(_, rows)| *rows == 0), "{unlike:?}");
        session.net().unwrap().free(kept).unwrap();
        session.commit().unwrap();
        let left = "select c.relname::text from pg_class c where c.relname ~ '^net_' union all select p.proname::text from pg_proc p where p.proname ~ '^net_'";
        assert!(session.query(left, &[]).unwrap().is_empty());
        (merged, quarantined)
    }
}

/// What a derived rollback does with a table that is built anew.
fn rebuild(
    session: &mut dyn Session,
    kept: &KeptNet,
    sources: &Sources,
    name: &TableName,
    shape: &str,
) {
    let table = kept.table(name).unwrap();
    let source = &sources.tables[name];
    run(session, &format!("create table tightrope_new {shape}"));
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for column in &table.plan.columns {
        let before = session.quote(&column.before);
        let own = column
            .after
            .as_ref()
            .map(|after| format!("t.{}", session.quote(after)));
        values.push(source.columns.get(&column.before).cloned().or(own).unwrap());
        columns.push(before);
    }
    if let Some(after) = &table.plan.after {
        let now = format!(
            "{}.{}",
            session.quote(&after.schema),
            session.quote(&after.name)
        );
        let filter = source
            .filter
            .as_ref()
            .map(|filter| format!("where {filter}"));
        run(
            session,
            &format!(
                "insert into tightrope_new ({}) overriding system value select {} from {now} t {} {}",
                columns.join(", "),
                values.join(", "),
                source.joins.replace("{now}", &now),
                filter.unwrap_or_default().replace("{now}", &now),
            ),
        );
        more(session, &source.more, &now);
        run(session, &format!("drop table {now} cascade"));
    } else {
        more(session, &source.more, "");
    }
    let name = session.quote(&name.name);
    run(
        session,
        &format!("alter table tightrope_new rename to {name}"),
    );
}

fn more(session: &mut dyn Session, rows: &[tightrope_inverse::MoreRows], now: &str) {
    for more in rows {
        let columns: Vec<String> = more
            .columns
            .keys()
            .map(|name| session.quote(name))
            .collect();
        let values: Vec<&str> = more.columns.values().map(String::as_str).collect();
        let filter = more.filter.as_ref().map(|filter| format!("where {filter}"));
        run(
            session,
            &format!(
                "insert into tightrope_new ({}) overriding system value select {} from {} {}",
                columns.join(", "),
                values.join(", "),
                more.from.replace("{now}", now),
                filter.unwrap_or_default().replace("{now}", now),
            ),
        );
    }
}

/// The window of a second migration above that of a first.
pub(crate) struct Above {
    kept: KeptNet,
    before: Catalog,
    after: Catalog,
    tables: Vec<TableName>,
}

impl Above {
    /// Migrates a second time, in tables that the first one's net watches.
    pub(crate) fn migrate(there: &mut InWindow, forward: &str, tables: &[TableName]) -> Self {
        let session = there.session.as_mut();
        let plan = plan(session, forward, Keep::Whole);
        session.begin().unwrap();
        let before = session.catalog().unwrap();
        let net = session.net().unwrap();
        let mut kept = net.spread(2, &plan, &before).unwrap();
        net.suspend(&there.kept, tables).unwrap();
        script(session, forward);
        let after = session.catalog().unwrap();
        let net = session.net().unwrap();
        net.open_window(&mut kept, &before, &after).unwrap();
        session.commit().unwrap();
        Self {
            kept,
            before,
            after,
            tables: tables.to_vec(),
        }
    }

    /// Goes back by a script, and lets the first window go on.
    pub(crate) fn back(&self, there: &mut InWindow, undo: &str) {
        let window = Window {
            before: &self.before,
            after: &self.after,
            fill: &Fill::new(),
        };
        let session = there.session.as_mut();
        session.begin().unwrap();
        let net = session.net().unwrap();
        net.close_window(&self.kept).unwrap();
        net.take_out(&self.kept, &window).unwrap();
        script(session, undo);
        let net = session.net().unwrap();
        net.merge(&self.kept, &window, &[]).unwrap();
        assert!(net.unlike(&self.kept).unwrap().is_empty());
        net.resume(&there.kept, &self.kept, &self.tables).unwrap();
        net.free(&self.kept).unwrap();
        session.commit().unwrap();
    }
}

/// Runs statements that end with a semicolon at the end of a line.
pub(crate) fn script(session: &mut dyn Session, sql: &str) {
    for statement in sql.split(";\n").map(|s| s.trim().trim_end_matches(';')) {
        if !statement.is_empty() {
            run(session, statement);
        }
    }
}

/// All rows of all tables, as text.
pub(crate) fn contents(session: &mut dyn Session) -> BTreeMap<String, Vec<String>> {
    let catalog = session.catalog().unwrap();
    let mut contents = BTreeMap::new();
    for shape in catalog.tables() {
        let columns: Vec<String> = columns_of(&catalog, &shape.table)
            .iter()
            .map(|column| format!("t.{}", session.quote(column.id.path.last().unwrap())))
            .collect();
        let rows = session
            .query(
                &format!(
                    "select row({})::text from only {}.{} t order by 1",
                    columns.join(", "),
                    session.quote(&shape.table.schema),
                    session.quote(&shape.table.name)
                ),
                &[],
            )
            .unwrap();
        let rows = rows.iter().map(|row| row[0].text().unwrap().to_owned());
        contents.insert(shape.table.to_string(), rows.collect());
    }
    contents
}

/// The columns of a table that hold values of their own, in their order.
fn columns_of<'c>(catalog: &'c Catalog, table: &TableName) -> Vec<&'c Object> {
    let mut columns: Vec<&Object> = catalog
        .objects()
        .filter(|object| object.id.kind == ObjectKind::Column)
        .filter(|object| object.id.path[..2] == [table.schema.clone(), table.name.clone()])
        .filter(|object| object.attribute("generated").is_none())
        .collect();
    columns.sort_by_key(|column| {
        column
            .attribute("position")
            .unwrap()
            .parse::<u32>()
            .unwrap()
    });
    columns
}

/// What a rehearsal would plan: the tables that the script changes.
pub(crate) fn plan(session: &mut dyn Session, forward: &str, keep: Keep) -> NetPlan {
    session.begin().unwrap();
    let before = session.catalog().unwrap();
    session.net().unwrap().shed().unwrap();
    session.start_counting_rows().unwrap();
    script(session, forward);
    let changes: BTreeMap<TableName, TableChange> =
        session.rows_changed().unwrap().into_iter().collect();
    let after = session.catalog().unwrap();
    session.roll_back().unwrap();
    let matching = Matching::of(&before, &after, &[]);
    let mut plan = NetPlan::default();
    for shape in before.tables() {
        let table = planned(
            &before,
            &after,
            &matching,
            shape,
            plan.tables.len() + 1,
            keep,
        );
        let rows = table.after.as_ref().and_then(|after| changes.get(after));
        let rows = rows.copied().unwrap_or_default();
        plan.tables.push(TablePlan { rows, ..table });
    }
    plan
}

fn planned(
    before: &Catalog,
    after: &Catalog,
    matching: &Matching,
    shape: &tightrope_model::TableShape,
    number: usize,
    keep: Keep,
) -> TablePlan {
    let table = &shape.table;
    let id = ObjectId::new(ObjectKind::Table, [&table.schema, &table.name]);
    let now = matching
        .now(&id)
        .map(|now| TableName::new(&now.path[0], &now.path[1]));
    let renamed = |column: &Object| {
        let now = matching.now(&column.id)?;
        Some((
            now.path[2].clone(),
            after.object(now)?.attribute("type")?.to_owned(),
        ))
    };
    let columns: Vec<ColumnPlan> = columns_of(before, table)
        .into_iter()
        .map(|column| {
            let type_before = column.attribute("type").unwrap().to_owned();
            let now = renamed(column);
            ColumnPlan {
                hidden: false,
                before: column.id.path[2].clone(),
                after: now.as_ref().map(|(name, _)| name.clone()),
                type_after: now.map(|(_, now)| now).filter(|now| *now != type_before),
                type_before,
            }
        })
        .collect();
    let key: Option<Vec<KeyColumn>> = shape
        .key
        .iter()
        .map(|name| {
            let column = columns.iter().find(|column| &column.before == name)?;
            Some(KeyColumn {
                before: name.clone(),
                after: column.after.clone()?,
            })
        })
        .collect();
    let key = match &now {
        Some(now) if after.table(now).is_none_or(|shape| shape.key.is_empty()) => None,
        Some(_) => key,
        None => Some(Vec::new()),
    };
    let known: Vec<&String> = columns
        .iter()
        .filter_map(|column| column.after.as_ref())
        .collect();
    let added = now.iter().flat_map(|now| columns_of(after, now));
    let added = added.map(|column| column.id.path[2].clone());
    TablePlan {
        key_changes: false,
        key_in_doubt: false,
        number,
        before: table.clone(),
        added: added.filter(|name| !known.contains(&name)).collect(),
        after: now,
        key: key.unwrap_or_default(),
        columns,
        keep,
        rows: TableChange::default(),
        truncated: false,
        rows_before: 0,
        divided: None,
        is_made: false,
    }
}

/// How rows can be kept where a script changes them.
pub(crate) const KEEPS: [Keep; 2] = [Keep::Whole, Keep::Changed];

/// The walk ends like the twin, whichever way rows are kept.
pub(crate) fn like_twin(walk: &Walk<'_>, keeps: &[Keep]) {
    for server in servers() {
        for keep in keeps {
            Walk {
                keep: Some(*keep),
                ..walk.clone()
            }
            .there_and_back(&server)
            .like_twin();
        }
    }
}

/// Parents, their children, and these children's toys.
pub(crate) const FAMILY: &str = "create table parents (id int primary key, name text);
create table children (id int primary key, parent int references parents on delete cascade on update cascade);
create table toys (id int primary key, child int references children on delete set null);
insert into parents select i, 'p' || i from generate_series(1, 5) i;
insert into children select i, 1 + i % 5 from generate_series(1, 10) i;
insert into toys select i, i from generate_series(1, 10) i;
";
