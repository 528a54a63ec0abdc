use toml::{Table, Value};

use crate::tree::{File, Violation};

/// The crates from bottom to top; each may use only those of the levels below its own.
const LEVELS: &[&[&str]] = &[
    &["model"],
    &["script"],
    &["inverse"],
    &["judge"],
    &["workload"],
    &["selection"],
    &["engine"],
    ENGINES,
    &["store"],
    &["backup"],
    &["lifecycle"],
    &["transfer"],
    &["report"],
    &["console"],
    &["cli"],
];

/// The crates that know a database. In what is shipped only the command line names one: there they are registered.
const ENGINES: &[&str] = &["postgres", "mysql", "sqlite", "mssql"];

/// The clients of databases: they belong to the engines.
const CLIENTS: &[&str] = &[
    "mysql_async",
    "postgres",
    "rusqlite",
    "tiberius",
    "tokio-postgres",
];

const PREFIX: &str = "tightrope-";
const TESTKIT: &str = "testkit";

/// Dependencies that point the wrong way.
pub(crate) fn violations(file: &File) -> Vec<Violation> {
    let Some(name) = file.in_crate() else {
        return Vec::new();
    };
    if file.path != format!("crates/{name}/Cargo.toml") || name == TESTKIT {
        return Vec::new();
    }
    let manifest: Table = file.text.parse().unwrap();
    let mut violations = Vec::new();
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        let shipped = section != "dev-dependencies";
        for dependency in named(&manifest, section) {
            if let Some(what) = problem(name, &dependency, shipped) {
                let line = line_of(file, &dependency);
                violations.push(file.violation(line, what));
            }
        }
    }
    if level(name).is_none() {
        violations.push(file.violation(1, format!("the crate {name} has no place in the order")));
    }
    violations
}

/// The packages that a section of a manifest names, target-specific ones too.
fn named(manifest: &Table, section: &str) -> Vec<String> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let tables = targets.filter_map(Value::as_table).chain([manifest]);
    tables
        .filter_map(|table| table.get(section)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}

fn problem(name: &str, dependency: &str, shipped: bool) -> Option<String> {
    let Some(other) = dependency.strip_prefix(PREFIX) else {
        let foreign = shipped && CLIENTS.contains(&dependency) && !ENGINES.contains(&name);
        return foreign.then(|| format!("only an engine uses {dependency}"));
    };
    if other == TESTKIT {
        return shipped.then(|| "only tests use testkit".to_owned());
    }
    if shipped && ENGINES.contains(&other) && name != "cli" {
        return Some(format!("only cli names an engine, not {name}: {other}"));
    }
    (level(other) >= level(name)).then(|| format!("{name} is not above {other}"))
}

fn level(name: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&name))
}

fn line_of(file: &File, dependency: &str) -> usize {
    let line = file.lines().find(|(_, line)| {
        line.strip_prefix(dependency)
            .is_some_and(|rest| rest.starts_with([' ', '.', '=']))
    });
    line.map_or(1, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::found;

    fn check(name: &str, manifest: &str, expect: &[&str]) {
        let path = format!("crates/{name}/Cargo.toml");
        assert_eq!(found(violations, &path, manifest), expect);
    }

    #[test]
    fn down_is_fine_and_up_is_not() {
        let manifest = "[dependencies]\ntightrope-model.workspace = true\n";
        check("script", manifest, &[]);
        check("model", manifest, &["2: model is not above model"]);
        let manifest = "[dependencies]\nserde = '1'\ntightrope-store = { path = '../store' }\n";
        check("engine", manifest, &["3: engine is not above store"]);
        check("report", manifest, &[]);
    }

    #[test]
    fn engines_are_named_by_the_command_line_and_by_tests() {
        let manifest = "[dependencies]\ntightrope-sqlite.workspace = true\n";
        check("cli", manifest, &[]);
        let what = "2: only cli names an engine, not lifecycle: sqlite";
        check("lifecycle", manifest, &[what]);
        let manifest = "[dev-dependencies]\ntightrope-sqlite.workspace = true\n";
        check("lifecycle", manifest, &[]);
        check("postgres", manifest, &["2: postgres is not above sqlite"]);
        check("script", manifest, &["2: script is not above sqlite"]);
    }

    #[test]
    fn clients_belong_to_engines_and_the_test_kit_to_tests() {
        let manifest = "[dependencies]\npostgres = '0.19'\n";
        check("postgres", manifest, &[]);
        check("store", manifest, &["2: only an engine uses postgres"]);
        let manifest = "[target.'cfg(unix)'.dependencies]\ntightrope-testkit = '1'\n";
        check("store", manifest, &["2: only tests use testkit"]);
        check("store", &manifest.replace("'.dep", "'.dev-dep"), &[]);
    }

    #[test]
    fn a_crate_needs_a_place() {
        check(
            "extras",
            "",
            &["1: the crate extras has no place in the order"],
        );
    }
}
