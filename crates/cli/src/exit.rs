//! The exit codes: one table.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done,
    /// An error without a code of its own.
    Error,
    /// `plan`: there are changes to apply.
    Pending,
    /// A way back is not proven.
    NotProven,
    /// It may not be done like that.
    Refused,
    /// Somebody else holds what is needed.
    Held,
    /// The database cannot be reached.
    Unreachable,
    /// A migration is half done.
    Interrupted,
    /// A criterion failed, and the migration was rolled back by itself.
    RolledBack,
    /// A watch ended without a decision of its own.
    Alert,
    /// The command line cannot be understood.
    Usage,
}

/// One row of the table: the number, the kind of error in JSON, what it means.
type Row = (Exit, u8, &'static str, &'static str);

/// All of them, as `docs/reference/exit-codes.md` has them.
pub(crate) const TABLE: [Row; 11] = [
    (Exit::Done, 0, "done", "Done, or nothing to do."),
    (
        Exit::Error,
        1,
        "error",
        "An error that has no code of its own: bad SQL, a folder that must be mended (a name under `[fill]` that no column has, for one), a broken ledger; in `plan`, any error.",
    ),
    (
        Exit::Pending,
        2,
        "pending",
        "`plan` only: there are migrations to apply.",
    ),
    (
        Exit::NotProven,
        3,
        "not-proven",
        "A way back is not proven: `rehearse` or `review` found one that does not work, or that it harms queries of the application, `check` found errors, a verify \
         script does not hold, a schema did not come out as rehearsed.",
    ),
    (
        Exit::Refused,
        4,
        "refused",
        "Refused, and nothing was changed: no certificate, drift, a script changed after it was applied, a rehearsal that would change the target's server, no \
         room for the net, a sealed migration, rows in conflict with `--conflicts stop`, a quarantined row that does not fit, a \
         copy for people without masks or under a name that is taken, no confirmation, another run to be finished first.",
    ),
    (
        Exit::Held,
        5,
        "held",
        "A lock was not granted, or another run holds the lease. The same command may succeed later.",
    ),
    (
        Exit::Unreachable,
        6,
        "unreachable",
        "The target cannot be reached: no server, wrong password, no such database, no permission to connect.",
    ),
    (
        Exit::Interrupted,
        7,
        "interrupted",
        "A migration is half done, and the journal knows where: `tightrope status` shows it, `apply` finishes it, \
         `rollback` undoes it.",
    ),
    (
        Exit::RolledBack,
        8,
        "rolled-back",
        "`apply --watch` and `watch`: a criterion failed, and the migration was rolled back by itself; or somebody rolled back meanwhile.",
    ),
    (
        Exit::Alert,
        9,
        "alert",
        "`apply --watch` and `watch`: a criterion failed and nothing was rolled back, there was too little data to pass, or of several \
         migrations only some were applied. A person has to decide; the migration is applied. `restore --replay`: the database is restored, and some changes could not be replayed.",
    ),
    (
        Exit::Usage,
        64,
        "usage",
        "The command line cannot be understood; nothing was tried.",
    ),
];

impl Exit {
    fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.0 == self).unwrap_or(&TABLE[1])
    }

    /// The number that the process ends with.
    pub(crate) fn code(self) -> u8 {
        self.row().1
    }

    /// The name in JSON.
    pub(crate) fn name(self) -> &'static str {
        self.row().2
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_has_its_row() {
        for (exit, code, name, _) in TABLE {
            assert_eq!((exit.code(), exit.name()), (code, name));
        }
    }

    #[test]
    fn the_documentation_has_the_table() {
        let page = include_str!("../../../docs/reference/exit-codes.md");
        for (_, code, name, meaning) in TABLE {
            let row = format!("| {code} | `{name}` | {meaning} |");
            assert!(
                page.contains(&row),
                "docs/reference/exit-codes.md lacks the row\n{row}"
            );
        }
    }
}
