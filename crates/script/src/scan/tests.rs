//! The scanner on its own: examples, the input given back byte for byte, and fragments spliced at random.

use proptest::prelude::*;
use tightrope_model::{EngineKind, Span};

use super::{Scan, SegmentKind, scan};

fn whole(text: &str) -> Span {
    Span {
        start: 0,
        end: text.len(),
    }
}

fn scanned(text: &str, dialect: EngineKind) -> Scan {
    scan(text, whole(text), dialect)
}

fn parts(text: &str, dialect: EngineKind) -> Vec<&str> {
    let scan = scanned(text, dialect);
    assert_eq!(scan.problems, [], "{text}");
    scan.segments.iter().map(|s| s.span.of(text)).collect()
}

fn postgres(text: &str, expect: &[&str]) {
    assert_eq!(parts(text, EngineKind::Postgres), expect, "{text}");
}

fn sqlite(text: &str, expect: &[&str]) {
    assert_eq!(parts(text, EngineKind::Sqlite), expect, "{text}");
}

#[test]
fn semicolons_part_statements() {
    postgres("select 1; select 2", &["select 1", "select 2"]);
    postgres(" ;; -- x\n;", &[]);
    postgres("a;\r\nb;\r\n", &["a", "b"]);
    sqlite("a;b;;c", &["a", "b", "c"]);
}

#[test]
fn comments_around_a_statement_are_not_part_of_it() {
    postgres("/* a; */ x /* b; */ y -- c;\n; z", &["x /* b; */ y", "z"]);
    postgres("/* /* ; */ ; */ x", &["x"]);
    sqlite("/* /* ; */ x; y", &["x", "y"]);
    postgres("-- a;\rselect 1", &["select 1"]);
}

#[test]
fn quotes_hide_semicolons() {
    postgres("'a;''b' ; c", &["'a;''b'", "c"]);
    postgres(r"'a\'; b", &[r"'a\'", "b"]);
    postgres(r"E'a\'; b'; c", &[r"E'a\'; b'", "c"]);
    postgres("E'a' \n '\\'; b'; c", &["E'a' \n '\\'; b'", "c"]);
    postgres(
        "U&'a;' U&\"b;\" b'1;' x'f;'; c",
        &["U&'a;' U&\"b;\" b'1;' x'f;'", "c"],
    );
    postgres("$$a;$$ $x$b;$$;$x$; c", &["$$a;$$ $x$b;$$;$x$", "c"]);
    postgres("a$b$; c$b$; $1; d", &["a$b$", "c$b$", "$1", "d"]);
    postgres("$ä$;$ä$; b", &["$ä$;$ä$", "b"]);
    sqlite(
        "[a;] `b;``` \"c;\"\"\" 'd;''' x';'; e",
        &["[a;] `b;``` \"c;\"\"\" 'd;''' x';'", "e"],
    );
    sqlite(r"'a\'; b", &[r"'a\'", "b"]);
    sqlite("$$; b", &["$$", "b"]);
}

#[test]
fn bodies_hide_semicolons() {
    postgres(
        "create rule r as on insert to t do (delete from a; delete from b); c",
        &[
            "create rule r as on insert to t do (delete from a; delete from b)",
            "c",
        ],
    );
    postgres(
        "create function f() returns int begin atomic select 1; select case when a then 1 end; end; c",
        &[
            "create function f() returns int begin atomic select 1; select case when a then 1 end; end",
            "c",
        ],
    );
    postgres("begin; a; end; b", &["begin", "a", "end", "b"]);
    sqlite(
        "create temp trigger t after insert on x begin update y set a = case when b then 1 end; delete from z; end; c",
        &[
            "create temp trigger t after insert on x begin update y set a = case when b then 1 end; delete from z; end",
            "c",
        ],
    );
    sqlite(
        "create table trigger_x (a); begin; end; c",
        &["create table trigger_x (a)", "begin", "end", "c"],
    );
}

#[test]
fn psql_lines_and_copy_data_are_segments() {
    let kinds = |text: &str| -> Vec<(SegmentKind, String)> {
        scanned(text, EngineKind::Postgres)
            .segments
            .iter()
            .map(|s| (s.kind, s.span.of(text).to_owned()))
            .collect()
    };
    use SegmentKind::*;
    assert_eq!(
        kinds("\\set a 1; b\r\nselect 1 \\gexec\nx;"),
        [
            (MetaCommand, "\\set a 1; b".to_owned()),
            (Statement, "select 1".to_owned()),
            (MetaCommand, "\\gexec".to_owned()),
            (Statement, "x".to_owned()),
        ]
    );
    assert_eq!(
        kinds("copy t (a) from stdin; -- c\n1;\t'\n\\.x\n\\.\nselect 1;"),
        [
            (Statement, "copy t (a) from stdin".to_owned()),
            (CopyData, "1;\t'\n\\.x\n".to_owned()),
            (Statement, "select 1".to_owned()),
        ]
    );
    assert_eq!(
        kinds("COPY t FROM STDIN WITH (format csv);\r\n\\.\r\n")[1].1,
        ""
    );
    assert_eq!(kinds("copy t from 'stdin'; select 1;").len(), 2);
}

#[test]
fn marked_blocks_are_one_statement() {
    let text = "a;\n-- +migrate StatementBegin\nb; c;\n-- +migrate StatementEnd\nd;\n";
    postgres(text, &["a", "b; c", "d"]);
    sqlite(&text.replace('\n', "\r\n"), &["a", "b; c", "d"]);
}

#[test]
fn what_is_never_closed_is_a_problem() {
    let check = |text: &str, dialect, offset: usize| {
        let found: Vec<usize> = scanned(text, dialect)
            .problems
            .iter()
            .map(|p| p.offset)
            .collect();
        assert_eq!(found, [offset], "{text}");
    };
    check("a; 'b; c", EngineKind::Postgres, 3);
    check("a; /* /* */ c", EngineKind::Postgres, 3);
    check("$a$ b $A$", EngineKind::Postgres, 0);
    check("create table t (a; b;", EngineKind::Postgres, 15);
    check("copy t from stdin;\n1\n", EngineKind::Postgres, 0);
    check("[a", EngineKind::Sqlite, 0);
    check("x; \"a", EngineKind::Sqlite, 3);
}

/// Everything that no segment covers: only what means nothing.
fn gaps(text: &str, dialect: EngineKind) -> String {
    let mut rebuilt = String::new();
    let mut gaps = String::new();
    let mut position = 0;
    for segment in scanned(text, dialect).segments {
        assert!(
            segment.span.start >= position,
            "segments overlap in {text:?}"
        );
        let gap = &text[position..segment.span.start];
        gaps.push_str(gap);
        rebuilt.push_str(gap);
        rebuilt.push_str(segment.span.of(text));
        position = segment.span.end;
    }
    gaps.push_str(&text[position..]);
    rebuilt.push_str(&text[position..]);
    assert_eq!(rebuilt, text);
    gaps
}

const DIALECTS: [EngineKind; 2] = [EngineKind::Postgres, EngineKind::Sqlite];

/// Fragments that are one statement each in PostgreSQL.
const STATEMENTS: &[&str] = &[
    "select 'a;b'",
    "select E'\\';' as \"x;\"",
    "do $$ begin perform 1; end $$",
    "do $x$ begin execute $$a;$$; end $x$",
    "select 1 /* ; /* ' */ \" */ + 2",
    "select (1, (2))",
    "insert into t values ($1, U&'\\0441;')",
    "create rule r as on insert to t do also (select 1; select 2)",
    "create function f() returns int language sql begin atomic select case 1 when 1 then 2 end; end",
    "select a -- ;'\n, b",
    "begin",
    "commit",
];

const SPACES: &[&str] = &[
    "",
    " ",
    "\n",
    "\r\n",
    "-- x;'\n",
    "/* $$ ; /* */ */",
    ";",
    "\t",
];

proptest! {
    #[test]
    fn every_byte_is_kept(text in "\\PC*") {
        for dialect in DIALECTS {
            gaps(&text, dialect);
        }
    }

    #[test]
    fn every_byte_of_sql_is_kept(parts in prop::collection::vec(
        prop::sample::select(vec![
            "'", "\"", "$$", "$a$", "/*", "*/", "--", "\n", ";", "(", ")", "E'", "\\", "\\.\n", "begin", " atomic ", "end",
            "case ", "create trigger ", "copy t from stdin", "[", "]", "`", "é", "\r\n", " x ", "U&'", "-- +migrate StatementBegin\n",
            "\n-- +migrate StatementEnd\n",
        ]), 0..40)) {
        let text = parts.concat();
        for dialect in DIALECTS {
            let gaps = gaps(&text, dialect);
            if scanned(&text, dialect).problems.is_empty() && !text.contains("\\.") {
                let between = scanned(&gaps, dialect);
                prop_assert!(between.segments.is_empty(), "{text:?} leaves {gaps:?}");
            }
        }
    }

    #[test]
    fn spliced_statements_are_split_again(parts in prop::collection::vec(
        (prop::sample::select(SPACES), prop::sample::select(STATEMENTS), prop::sample::select(SPACES)), 0..12)) {
        let mut text = String::new();
        for (before, statement, after) in &parts {
            text.push_str(before);
            text.push_str(statement);
            text.push_str(after);
            text.push(';');
        }
        let expect: Vec<&str> = parts.iter().map(|(_, statement, _)| *statement).collect();
        let scan = scanned(&text, EngineKind::Postgres);
        let found: Vec<&str> = scan.segments.iter().map(|s| s.span.of(&text)).collect();
        prop_assert_eq!(found, expect);
    }

    #[test]
    fn anything_can_be_parsed(text in "\\PC*") {
        for dialect in DIALECTS {
            let script = crate::Script::whole("a.sql", text.clone(), crate::TransactionMode::Auto);
            script.parse(dialect);
            script.meaning_digest(dialect);
        }
    }

    #[test]
    fn any_words_can_be_parsed(words in prop::collection::vec(prop::sample::select(WORDS), 0..30)) {
        let text = words.join(" ");
        for dialect in DIALECTS {
            let script = crate::Script::whole("a.sql", text.clone(), crate::TransactionMode::Auto);
            script.parse(dialect);
        }
    }
}

const WORDS: &[&str] = &[
    "alter",
    "table",
    "add",
    "column",
    "drop",
    "constraint",
    "a",
    "b.c",
    "\"d\"",
    "(",
    ")",
    ",",
    ";",
    "create",
    "index",
    "on",
    "update",
    "set",
    "=",
    "1",
    "'x'",
    "select",
    "from",
    "where",
    "with",
    "as",
    "insert",
    "into",
    "values",
    "delete",
    "type",
    "using",
    "not",
    "null",
    "default",
    "now()",
    "references",
    "check",
    "foreign",
    "key",
    "do",
    "$$begin end$$",
    "rename",
    "to",
    "view",
    "or",
    "replace",
    "if",
    "exists",
    "cascade",
    "truncate",
    "lock",
    "vacuum",
    "pragma",
    "trigger",
    "begin",
    "end",
    ".",
];
