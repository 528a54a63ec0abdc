//! How a script is carried out: which statements share a transaction.

use std::ops::Range;

use tightrope_model::EngineKind;

use crate::statement::{
    Command, ObjectAction, ObjectClass, Parsed, Statement, StatementKind, TransactionFit,
};
use crate::{Script, TransactionMode};

/// What has to be known of the engine to cut a script into steps.
#[derive(Clone, Copy, Debug)]
pub struct StepRules {
    /// The dialect of the script.
    pub dialect: EngineKind,
    /// An enum value can be added inside a transaction.
    pub enum_value_in_transaction: bool,
}

/// How the statements of a step are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepMode {
    /// All of them in one transaction.
    Transaction,
    /// One statement, outside any transaction.
    Alone,
}

/// Statements that become durable together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How they are run.
    pub mode: StepMode,
    /// Which ones, as indices into [`Parsed::statements`].
    pub statements: Range<usize>,
}

/// How a script is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Statements to run before the first step, outside a transaction: SQLite's settings that have no effect inside one.
    pub prelude: Vec<usize>,
    /// The steps in order; none for an empty script.
    pub steps: Vec<Step>,
    /// Such settings at the script's end, to run after the last step. [`Steps::prelude`] is undone by them.
    pub epilogue: Vec<usize>,
}

impl Steps {
    /// Whether the script is all or nothing: at most one step, and that a transaction.
    pub fn single_transaction(&self) -> bool {
        self.steps.len() <= 1 && self.steps.iter().all(|s| s.mode == StepMode::Transaction)
    }
}

/// Cuts a script into steps.
///
/// The script's own `BEGIN` and `COMMIT` are never run. If all statements can share one transaction they do, so that the script
/// is all or nothing. Else a stretch between them is a transaction step, and outside of them it goes by the script's
/// [`TransactionMode`]; so it does where the mode is [`TransactionMode::Never`].
pub fn steps(script: &Script, parsed: &Parsed, rules: &StepRules) -> Steps {
    let statements = &parsed.statements;
    let (first, last) = settings_around(statements, rules.dialect);
    let mut cutter = Cutter {
        script,
        statements,
        rules,
        steps: Vec::new(),
        end: last,
    };
    cutter.cut(first);
    cutter.join(first);
    Steps {
        prelude: (0..first).collect(),
        steps: cutter.steps,
        epilogue: (last..statements.len()).collect(),
    }
}

/// Where the statements between the settings at a script's start and end begin and end.
fn settings_around(statements: &[Statement], dialect: EngineKind) -> (usize, usize) {
    if dialect != EngineKind::Sqlite {
        return (0, statements.len());
    }
    let is_setting = |statement: &&Statement| {
        statement.kind.is(Command::Pragma) && !statement.runs_in_transaction.fits(true)
    };
    let first = statements.iter().take_while(is_setting).count();
    let last = statements[first..]
        .iter()
        .rev()
        .take_while(is_setting)
        .count();
    (first, statements.len() - last)
}

struct Cutter<'a> {
    script: &'a Script,
    statements: &'a [Statement],
    rules: &'a StepRules,
    steps: Vec<Step>,
    end: usize,
}

impl Cutter<'_> {
    fn cut(&mut self, first: usize) {
        let mode = self.script.transaction;
        let controls = (first..self.end).any(|i| self.statements[i].kind.controls_transaction());
        let mut open = mode == TransactionMode::Required;
        let mut start = first;
        for index in first..self.end {
            if !self.statements[index].kind.controls_transaction() {
                continue;
            }
            self.stretch(start..index, open, controls);
            open = self.statements[index].kind.is(Command::Begin);
            start = index + 1;
        }
        self.stretch(start..self.end, open, controls);
    }

    /// Makes one step of those that only the script's own transaction commands have cut.
    fn join(&mut self, first: usize) {
        let joins = |index: usize| {
            let kind = &self.statements[index].kind;
            match kind.controls_transaction() {
                true => kind.is(Command::Begin) || kind.is(Command::Commit),
                false => !self.stands_alone(index),
            }
        };
        let ends = self.steps.first().zip(self.steps.last());
        let whole = ends.map(|(begin, end)| begin.statements.start..end.statements.end);
        let may = self.script.transaction != TransactionMode::Never && self.steps.len() > 1;
        let controls = (first..self.end).any(|i| self.statements[i].kind.controls_transaction());
        if let Some(whole) = whole.filter(|_| may && controls && (first..self.end).all(joins)) {
            self.steps.clear();
            self.push(StepMode::Transaction, whole);
        }
    }

    /// Takes statements between two of the script's own transaction commands.
    fn stretch(&mut self, range: Range<usize>, open: bool, controls: bool) {
        if range.is_empty() {
            return;
        }
        if open {
            self.push(StepMode::Transaction, range);
        } else if controls || self.script.transaction == TransactionMode::Never {
            for index in range {
                let mode = if self.stands_alone(index) {
                    StepMode::Alone
                } else {
                    StepMode::Transaction
                };
                self.push(mode, index..index + 1);
            }
        } else {
            self.grouped(range);
        }
    }

    /// Whether a statement that shares no transaction needs to be without one altogether. Any other gets a transaction of its
    /// own: the same to the script, and its journal entry becomes durable with it.
    fn stands_alone(&self, index: usize) -> bool {
        let statement = &self.statements[index];
        let may_commit = match statement.kind {
            StatementKind::Unknown => true,
            StatementKind::Other(Command::Do) => {
                let body = self.script.text_of(statement).to_ascii_lowercase();
                body.contains("commit") || body.contains("rollback")
            }
            _ => statement.runs_in_transaction == TransactionFit::MayCommit,
        };
        may_commit || !self.fits(index)
    }

    fn grouped(&mut self, range: Range<usize>) {
        let mut start = range.start;
        for index in range.clone() {
            if self.fits(index) {
                continue;
            }
            if start < index {
                self.push(StepMode::Transaction, start..index);
            }
            self.push(StepMode::Alone, index..index + 1);
            start = index + 1;
        }
        if start < range.end {
            self.push(StepMode::Transaction, start..range.end);
        }
    }

    fn push(&mut self, mode: StepMode, statements: Range<usize>) {
        self.steps.push(Step { mode, statements });
    }

    fn fits(&self, index: usize) -> bool {
        let statement = &self.statements[index];
        let fit = &statement.runs_in_transaction;
        if let TransactionFit::EnumValue { value } = fit {
            let type_is_new = self.statements[..index].iter().any(|earlier| {
                earlier.objects.iter().any(|object| {
                    object.class == ObjectClass::Type
                        && object.action == ObjectAction::Create
                        && statement.objects.iter().any(|o| o.name == object.name)
                })
            });
            return type_is_new
                || (fit.fits(self.rules.enum_value_in_transaction)
                    && !self.uses_literal(index + 1, value));
        }
        fit.fits(self.rules.enum_value_in_transaction)
    }

    /// Whether a later statement holds that string: a new enum value cannot be used in the transaction that adds it.
    fn uses_literal(&self, from: usize, value: &str) -> bool {
        let literal = format!("'{}'", value.replace('\'', "''"));
        self.statements[from..self.end].iter().any(|statement| {
            let adds_another = matches!(
                statement.runs_in_transaction,
                TransactionFit::EnumValue { .. }
            );
            !adds_another && self.script.text_of(statement).contains(&literal)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `T` for statements that share a transaction, `A` for one alone, with prelude and epilogue in brackets.
    fn shape(text: &str, mode: TransactionMode, dialect: EngineKind) -> String {
        let script = Script::whole("a.sql", text, mode);
        let parsed = script.parse(dialect);
        let rules = StepRules {
            dialect,
            enum_value_in_transaction: true,
        };
        let steps = steps(&script, &parsed, &rules);
        let words: Vec<String> = steps
            .steps
            .iter()
            .map(|step| match step.mode {
                StepMode::Transaction => format!("T{:?}", step.statements),
                StepMode::Alone => format!("A{}", step.statements.start),
            })
            .collect();
        let around = |list: &[usize]| match list {
            [] => String::new(),
            list => format!("{list:?}"),
        };
        format!(
            "{}{}{}",
            around(&steps.prelude),
            words.join(" "),
            around(&steps.epilogue)
        )
    }

    fn check(text: &str, mode: TransactionMode, expect: &str) {
        assert_eq!(
            shape(text, mode, EngineKind::Postgres),
            expect,
            "{text} {mode:?}"
        );
    }

    #[test]
    fn modes_decide_where_the_script_does_not() {
        use TransactionMode::*;
        check("", Auto, "");
        check("a; b", Auto, "T0..2");
        check("a; vacuum; b; c", Auto, "T0..1 A1 T2..4");
        check("vacuum", Auto, "A0");
        check("a; vacuum; b", Required, "T0..3");
        check("a; b", Never, "A0 A1");
        check(
            "select 1; vacuum; insert into t values (1)",
            Never,
            "T0..1 A1 T2..3",
        );
        check(
            "call p(); do 'begin null; end'; do 'begin commit; end'",
            Never,
            "A0 T1..2 A2",
        );
    }

    #[test]
    fn own_transactions_are_taken_over() {
        use TransactionMode::*;
        for mode in [Auto, Required, Never] {
            check("begin; a; b; commit", mode, "T1..3");
            check("start transaction; a; end", mode, "T1..2");
            check("begin; commit", mode, "");
            check("begin; a; b", mode, "T1..3");
            check(
                "begin; a; commit; vacuum; begin; b; commit; c",
                mode,
                "T1..2 A3 T5..6 A7",
            );
            check(
                "begin; a; savepoint x; b; rollback to x; commit",
                mode,
                "T1..5",
            );
        }
        check("a; commit; vacuum; begin; b", Required, "T0..1 A2 T4..5");
        check("a; begin; b; commit", Required, "T0..1 T2..3");
        check("a; begin; b; commit", Auto, "A0 T2..3");
    }

    #[test]
    fn own_transactions_become_one_where_all_statements_can_share_it() {
        use TransactionMode::*;
        for mode in [Auto, Required] {
            let script = "begin; drop table t; commit; begin; drop table u; commit";
            check(script, mode, "T1..5");
            check("drop table t; commit; drop table u", mode, "T0..3");
            check(
                "drop table t; begin; drop table u; commit; drop table v",
                mode,
                "T0..5",
            );
        }
        check(
            "begin; drop table t; commit; drop table u",
            Never,
            "T1..2 T3..4",
        );
        check(
            "alter type e add value 'x'; begin; insert into t values ('x'); commit",
            Auto,
            "A0 T2..3",
        );
    }

    #[test]
    fn a_new_enum_value_is_not_used_in_its_transaction() {
        use TransactionMode::*;
        check("alter type e add value 'x'; a", Auto, "T0..2");
        check(
            "alter type e add value 'x'; update t set a = 'x'",
            Auto,
            "A0 T1..2",
        );
        check(
            "create type e as enum (); alter type e add value 'x'; insert into t values ('x')",
            Auto,
            "T0..3",
        );
        check(
            "alter type e add value 'x'; update t set a = 'x'",
            Required,
            "T0..2",
        );
    }

    #[test]
    fn settings_of_sqlite_stand_outside() {
        let check = |text: &str, mode, expect: &str| {
            assert_eq!(shape(text, mode, EngineKind::Sqlite), expect, "{text}");
        };
        use TransactionMode::*;
        let rebuild = "pragma foreign_keys = off; begin; a; b; commit; pragma foreign_keys = on";
        for mode in [Auto, Required, Never] {
            check(rebuild, mode, "[0]T2..4[5]");
        }
        check(
            "pragma foreign_keys = off; a; b; pragma foreign_keys = on",
            Required,
            "[0]T1..3[3]",
        );
        check("pragma foreign_keys = off; a; b", Auto, "[0]T1..3");
        check("a; pragma foreign_key_check", Auto, "T0..2");
        check("pragma foreign_keys = off", Auto, "[0]");
        check("begin; pragma foreign_keys = off; a; commit", Auto, "T1..3");
    }

    #[test]
    fn one_transaction_is_told_from_more() {
        let single = |text: &str| {
            let script = Script::whole("a.sql", text, TransactionMode::Auto);
            let rules = StepRules {
                dialect: EngineKind::Postgres,
                enum_value_in_transaction: false,
            };
            steps(&script, &script.parse(EngineKind::Postgres), &rules).single_transaction()
        };
        assert!(single(""));
        assert!(single("a; b"));
        assert!(!single("vacuum"));
        assert!(!single("alter type e add value 'x'"));
        assert!(!single("begin; a; commit; begin; b; commit"));
        assert!(!single(
            "begin; drop table t; commit; begin; vacuum; commit"
        ));
        assert!(!single("begin; drop table t; rollback; drop table u"));
        assert!(!single("drop table t; commit; do 'begin commit; end'"));
    }
}
