//! The schema as data, in two round trips: a probe that says which kinds of object there are, and one batch with the
//! query of each of those.
//!
//! The queries are prepared on the server (in SQL, so that a batch can execute them all), and their plans are kept for the
//! session.

mod kinds;
mod shapes;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use tightrope_engine::{EngineError, ErrorKind};
use tightrope_model::{Attribute, AttributeLevel, Catalog, NativeId, Object, ObjectId, ObjectKind};

use crate::error;
use crate::session::{PostgresSession, ResultSet};
use kinds::{ALWAYS, COMMENTS, DEPENDENCIES, FACT, KINDS, Kind, MEMBERS, PROBE, SECURITY_LABELS};
use shapes::Shapes;

/// Reads the catalog as the session sees it now.
pub(crate) fn read(session: &mut PostgresSession) -> Result<Catalog, EngineError> {
    let probe = execute(session, &[("probe", PROBE)])?;
    let present = present_names(probe.first().ok_or_else(incomplete)?);
    let kinds: Vec<&Kind> = KINDS
        .iter()
        .filter(|kind| ALWAYS.contains(&kind.name) || present.contains(kind.name))
        .collect();
    let mut queries: Vec<(&'static str, &'static str)> =
        kinds.iter().map(|kind| (kind.name, kind.sql)).collect();
    queries.push(("members", MEMBERS));
    queries.push(("dependencies", DEPENDENCIES));
    queries.push(("comments", COMMENTS));
    if present.contains("security_labels") {
        queries.push(("security_labels", SECURITY_LABELS));
    }
    let sets = execute(session, &queries)?;
    if sets.len() != queries.len() {
        return Err(incomplete());
    }
    let mut builder = Builder::new(&sets[kinds.len()])?;
    for (kind, set) in kinds.iter().zip(&sets) {
        builder.add(kind, set)?;
    }
    for (name, set) in ["comment", "security_labels"]
        .into_iter()
        .zip(&sets[kinds.len() + 2..])
    {
        builder.attach(name, set)?;
    }
    builder.connect(&sets[kinds.len() + 1])?;
    Ok(builder.finish())
}

/// The probe's columns that say yes.
fn present_names(probe: &ResultSet) -> HashSet<&str> {
    let Some(row) = probe.rows.first() else {
        return HashSet::new();
    };
    let present = probe
        .columns
        .iter()
        .enumerate()
        .filter(|(at, _)| row.get(*at) == Some("t"));
    present.map(|(_, column)| column.name()).collect()
}

/// Executes prepared queries in one round trip, preparing what the server does not have yet. If a script has dropped our
/// statements behind our back, they are prepared again.
fn execute(
    session: &mut PostgresSession,
    queries: &[(&'static str, &'static str)],
) -> Result<Vec<ResultSet>, EngineError> {
    match session.read_pinned_raw(&batch(session, queries)) {
        Err(error)
            if error
                .code()
                .is_some_and(|code| code.code() == error::NO_SUCH_PREPARED_STATEMENT) =>
        {
            session.prepared.clear();
            session.read_pinned(&batch(session, queries))
        }
        other => other.map_err(|error| error::of_own(&error)),
    }
    .inspect(|_| {
        session
            .prepared
            .extend(queries.iter().map(|(name, _)| name))
    })
}

fn batch(session: &PostgresSession, queries: &[(&'static str, &'static str)]) -> String {
    let mut batch = String::new();
    for (name, sql) in queries {
        if !session.prepared.contains(name) {
            let sql = kinds::for_version(sql, session.major);
            let _ = write!(batch, "prepare tightrope_{name} as {sql}; ");
        }
        let _ = write!(batch, "execute tightrope_{name}; ");
    }
    batch
}

fn incomplete() -> EngineError {
    EngineError::new(
        ErrorKind::Other,
        "the server's answer about its catalog is incomplete",
    )
}

/// An object's number: the system catalog, the OID and the attnum.
type Number<'a> = (&'a str, u64, i32);

/// Puts the catalog together from result sets.
struct Builder<'a> {
    members: HashSet<(&'a str, u64)>,
    /// Tables of extensions whose rows are the user's: they are no objects of the catalog, but their rows count.
    configuration: HashSet<u64>,
    objects: Vec<Object>,
    numbers: HashMap<Number<'a>, usize>,
    shapes: Shapes,
}

impl<'a> Builder<'a> {
    fn new(members: &'a ResultSet) -> Result<Self, EngineError> {
        let columns = Columns::of(members)?;
        let mut numbers = HashSet::new();
        for row in &members.rows {
            numbers.insert((
                row.get(columns.class).unwrap_or_default(),
                columns.oid(row)?,
            ));
        }
        Ok(Self {
            members: numbers,
            configuration: HashSet::new(),
            objects: Vec::new(),
            numbers: HashMap::new(),
            shapes: Shapes::default(),
        })
    }

    /// Adds one kind's rows; what belongs to an extension is left out, for the extension stands for it.
    fn add(&mut self, kind: &'static Kind, set: &'a ResultSet) -> Result<(), EngineError> {
        let columns = Columns::of(set)?;
        let levels: Vec<AttributeLevel> = set
            .columns
            .iter()
            .map(|column| kind.level(column.name()))
            .collect();
        for row in &set.rows {
            let (oid, part) = (columns.oid(row)?, columns.part(row)?);
            let relation = columns
                .relation
                .and_then(|at| row.get(at))
                .and_then(|oid| oid.parse().ok());
            let member = self.is_member(kind, oid, relation);
            if member && !self.configuration.contains(&relation.unwrap_or(oid)) {
                continue;
            }
            let path = columns.path.iter().map_while(|at| row.get(*at));
            let mut object = Object::new(ObjectId::new(kind.kind, path));
            object.native = (oid != 0).then_some(NativeId { number: oid, part });
            let mut hidden = BTreeMap::new();
            for &at in &columns.attributes {
                let Some(value) = row.get(at) else { continue };
                let name = set.columns[at].name();
                if name.starts_with('_') {
                    hidden.insert(name, value);
                } else {
                    let name = name.strip_prefix(FACT).unwrap_or(name);
                    object = object.with(name, levels[at], value);
                }
            }
            self.learn(&object, relation, &hidden);
            if !member {
                self.numbers
                    .insert((kind.class, oid, part), self.objects.len());
                self.objects.push(object);
            }
        }
        Ok(())
    }

    fn is_member(&self, kind: &Kind, oid: u64, relation: Option<u64>) -> bool {
        let of_member =
            relation.is_some_and(|relation| self.members.contains(&("pg_class", relation)));
        kind.kind != ObjectKind::Extension
            && (of_member || self.members.contains(&(kind.class, oid)))
    }

    /// Takes up what is for us alone.
    fn learn(&mut self, object: &Object, relation: Option<u64>, hidden: &BTreeMap<&str, &str>) {
        let configuration = hidden
            .get("_configuration")
            .and_then(|oids| serde_json::from_str::<Vec<u64>>(oids).ok());
        self.configuration
            .extend(configuration.into_iter().flatten());
        self.shapes.learn(object, relation, hidden);
    }

    /// Hangs what is said about objects on them.
    fn attach(&mut self, name: &str, set: &ResultSet) -> Result<(), EngineError> {
        let columns = Columns::of(set)?;
        for row in &set.rows {
            let number = (
                row.get(columns.class).unwrap_or_default(),
                columns.oid(row)?,
                columns.part(row)?,
            );
            let (Some(at), Some(value)) = (self.numbers.get(&number), row.get(columns.value))
            else {
                continue;
            };
            let attribute = Attribute {
                level: AttributeLevel::Logical,
                value: value.to_owned(),
            };
            self.objects[*at]
                .attributes
                .insert(name.to_owned(), attribute);
        }
        Ok(())
    }

    /// Tells each object what it needs.
    fn connect(&mut self, set: &'a ResultSet) -> Result<(), EngineError> {
        let column = |name: &str| set.column(name).ok_or_else(incomplete);
        let (class, oid, part) = (column("class")?, column("oid")?, column("part")?);
        let (ref_class, ref_oid, ref_part) = (
            column("ref_class")?,
            column("ref_oid")?,
            column("ref_part")?,
        );
        let mut needs: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for row in &set.rows {
            let find = |class: usize, oid: usize, part: usize| {
                let number = |at: usize| row.get(at).and_then(|text| text.parse::<i64>().ok());
                let oid = u64::try_from(number(oid)?).ok()?;
                let part = i32::try_from(number(part)?).ok()?;
                self.numbers.get(&(row.get(class)?, oid, part)).copied()
            };
            if let (Some(object), Some(needed)) =
                (find(class, oid, part), find(ref_class, ref_oid, ref_part))
                && object != needed
            {
                needs.entry(object).or_default().insert(needed);
            }
        }
        for (object, needed) in needs {
            let mut needed: Vec<ObjectId> = needed
                .into_iter()
                .map(|at| self.objects[at].id.clone())
                .collect();
            needed.sort();
            self.objects[object].depends_on = needed;
        }
        Ok(())
    }

    fn finish(self) -> Catalog {
        Catalog::new(self.objects, self.shapes.finish())
    }
}

/// Where the columns with a meaning of their own stand in a result set.
struct Columns {
    path: Vec<usize>,
    class: usize,
    oid: usize,
    part: Option<usize>,
    relation: Option<usize>,
    value: usize,
    attributes: Vec<usize>,
}

impl Columns {
    fn of(set: &ResultSet) -> Result<Self, EngineError> {
        let own =
            |name: &str| name.starts_with("path_") || matches!(name, "oid" | "part" | "relation");
        let position = |name: &str| set.column(name);
        Ok(Self {
            path: (0..set.columns.len())
                .filter(|at| set.columns[*at].name().starts_with("path_"))
                .collect(),
            class: position("class").unwrap_or_default(),
            oid: position("oid").ok_or_else(incomplete)?,
            part: position("part"),
            relation: position("relation"),
            value: position("value").unwrap_or_default(),
            attributes: (0..set.columns.len())
                .filter(|at| !own(set.columns[*at].name()))
                .collect(),
        })
    }

    fn oid(&self, row: &postgres::SimpleQueryRow) -> Result<u64, EngineError> {
        row.get(self.oid)
            .and_then(|oid| oid.parse().ok())
            .ok_or_else(incomplete)
    }

    fn part(&self, row: &postgres::SimpleQueryRow) -> Result<i32, EngineError> {
        match self.part.and_then(|at| row.get(at)) {
            None => Ok(0),
            Some(part) => part.parse().map_err(|_| incomplete()),
        }
    }
}
