use tightrope_model::EngineKind;

use super::case::{Stacked, TwinCase};
use super::chance::Chance;
use super::counterpart::changes_keyless;
use super::draft::Draft;
use super::rows::{self, MOST_ROWS};
use super::schema::{Schema, Table, Touch};
use super::writes::Writer;
use super::{make, migration, things};

/// A database on which drafts are tried: the generators may be careless, for the server knows best.
pub trait Bench {
    /// Runs statements; if one fails, all are undone and the answer is false.
    fn attempt(&mut self, sql: &[String]) -> bool;

    /// Makes what was tried so far stay, and opens a transaction for what shall not stay.
    fn settle(&mut self);
}

/// Whether foreign keys are enforced in the case of a seed: on a server always, in a file every other time.
pub(super) fn is_enforced(engine: EngineKind, seed: u64) -> bool {
    engine == EngineKind::Postgres || seed.is_multiple_of(2)
}

/// The case of a seed. The bench's database is empty before, and holds the schema and the rows afterwards; the migration was
/// tried and undone.
pub fn generate(engine: EngineKind, seed: u64, bench: &mut dyn Bench) -> TwinCase {
    let mut chance = Chance::new(seed);
    let mut case = TwinCase {
        engine,
        seed,
        schema: Vec::new(),
        rows: Vec::new(),
        forward: Vec::new(),
        enforced: is_enforced(engine, seed),
        rehearsed: chance.one_in(8),
        late: 0,
        keyless: false,
        rollback: None,
        writes: Vec::new(),
        stacked: None,
    };
    let before = schema(engine, &mut case, bench, &mut chance);
    fill(&before, &mut case, bench, &mut chance);
    bench.settle();
    if case.rehearsed && !seed.is_multiple_of(4) {
        case.late = case.rows.len() / 2;
    }
    let (mut after, undo) = migrate(&before, &mut case.forward, bench, &mut chance);
    if chance.one_in(3) {
        case.rollback = undo.filter(|undo| !undo.is_empty());
    }
    let mut writer = Writer::new(&before, &after);
    case.writes = writer.writes(14, &mut chance);
    // A file that refers to a table that is gone takes no writes at all there.
    let is_gone = |table: &Table| after.table(table.id).is_none();
    let dangles = engine == EngineKind::Sqlite && before.tables.iter().any(is_gone);
    if chance.one_in(5) && !dangles {
        let mut stacked = Stacked::default();
        let (mut top, _) = migrate(&after, &mut stacked.forward, bench, &mut chance);
        for table in &mut top.tables {
            let below = after.table(table.id);
            for column in table.columns.iter_mut().filter(|column| column.moved) {
                // It moves rows that were made in the first window, too.
                let was = below.and_then(|below| below.column(column.id));
                if was.is_some_and(|was| !was.moved) {
                    column.touch = Touch::Rewritten;
                }
            }
        }
        let mut upper = Writer::new(&before, &top).through(&after).after(&writer);
        stacked.writes = upper.writes(8, &mut chance);
        stacked.between = writer.after(&upper).writes(4, &mut chance);
        after = top;
        case.stacked = Some(stacked).filter(|stacked| !stacked.forward.is_empty());
    }
    case.keyless = changes_keyless(&before, &after);
    case
}

fn schema(
    engine: EngineKind,
    case: &mut TwinCase,
    bench: &mut dyn Bench,
    chance: &mut Chance,
) -> Schema {
    let mut schema = Schema::new(engine);
    let mut take = |schema: &mut Schema, draft: Option<Draft>| {
        if let Some(draft) = draft
            && bench.attempt(&draft.sql)
        {
            case.schema.extend(draft.sql);
            *schema = draft.after;
        }
    };
    if schema.is_postgres() && chance.one_in(2) {
        let draft = things::types(&schema);
        take(&mut schema, Some(draft));
    }
    for _ in 0..chance.between(1, 5) {
        let draft = make::table(&schema, chance);
        take(&mut schema, Some(draft));
    }
    for _ in 0..chance.between(0, 6) {
        let draft = things::thing(&schema, chance);
        take(&mut schema, draft);
    }
    if chance.one_in(4) {
        let draft = things::user_trigger(&schema, chance);
        take(&mut schema, draft);
    }
    schema
}

fn fill(schema: &Schema, case: &mut TwinCase, bench: &mut dyn Bench, chance: &mut Chance) {
    for table in &schema.tables {
        let most = if chance.one_in(8) {
            0
        } else {
            chance.between(3, MOST_ROWS)
        };
        for number in 1..=most {
            if let Some(sql) = rows::insert(schema, table, &[number], chance)
                && bench.attempt(std::slice::from_ref(&sql))
            {
                case.rows.push(sql);
            }
        }
    }
}

/// As many tries as a migration gets for each statement.
const TRIES: usize = 4;

/// Gives the schema after a migration, and what takes it back where that is simple.
fn migrate(
    before: &Schema,
    forward: &mut Vec<String>,
    bench: &mut dyn Bench,
    chance: &mut Chance,
) -> (Schema, Option<Vec<String>>) {
    let mut after = before.clone();
    let mut undo = Some(Vec::new());
    for _ in 0..chance.between(1, 4) {
        for _ in 0..TRIES {
            let Some(draft) = migration::change(&after, chance) else {
                continue;
            };
            if !bench.attempt(&draft.sql) {
                continue;
            }
            forward.extend(draft.sql);
            after = draft.after;
            undo = undo
                .zip(draft.undo)
                .map(|(so_far, mut undo): (Vec<String>, _)| {
                    undo.extend(so_far);
                    undo
                });
            break;
        }
    }
    (after, undo)
}
