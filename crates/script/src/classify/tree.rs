//! What only a syntax tree tells of a PostgreSQL statement: the parts of `ALTER TABLE`, foreign keys, writes in common table
//! expressions, relations that are read.

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};
use tightrope_model::{EngineKind, Span};

use crate::scan::{Token, TokenKind};
use crate::statement::{
    Command, Destroys, LockMode, LockTaken, ObjectAction, ObjectClass, Statement, StatementKind,
};

use super::alter_table;
use super::cursor::{Cursor, Name, significant};
use super::names::object;

/// Statements that are longer hold data rather than structure; a tree of them is not worth its time.
const LONGEST: usize = 256 * 1024;

/// A tree is built by recursion: what nests deeper is left to the keywords.
const DEEPEST: usize = 64;

/// A statement's tree, with the way back from its nodes to the file's text.
pub(super) struct Tree<'a> {
    text: &'a str,
    start: usize,
}

impl Tree<'_> {
    pub(super) fn span(&self, node: &SyntaxNode) -> Span {
        let range = node.text_range();
        Span {
            start: self.start + usize::from(range.start()),
            end: self.start + usize::from(range.end()),
        }
    }

    /// The name that a node holds.
    pub(super) fn name(&self, node: &SyntaxNode) -> Option<Name> {
        let tokens = significant(self.text, self.span(node), EngineKind::Postgres);
        Cursor::new(&tokens, EngineKind::Postgres).name()
    }

    /// The first descendant's name that is of this kind.
    pub(super) fn name_in(&self, node: &SyntaxNode, kind: SyntaxKind) -> Option<Name> {
        let found = node.descendants().find(|inner| inner.kind() == kind)?;
        self.name(&found)
    }
}

/// Adds to a statement what its tree tells. Nothing is added if it does not parse.
pub(super) fn refine(statement: &mut Statement, text: &str, tokens: &[Token<'_>]) {
    let source = statement.span.of(text);
    if !is_worth_it(statement.kind) || is_too_much(source, tokens) {
        return;
    }
    let parse = SourceFile::parse(source);
    let file = parse.tree();
    let (Some(root), true) = (file.stmts().next(), parse.errors().is_empty()) else {
        return;
    };
    let tree = Tree {
        text,
        start: statement.span.start,
    };
    if let ast::Stmt::AlterTable(alter) = &root {
        alter_table::refine(statement, &tree, alter);
    }
    if let ast::Stmt::SelectInto(select) = &root {
        let table = tree.name_in(select.syntax(), SyntaxKind::TABLE_NAME);
        let made = table.map(|name| object(ObjectClass::Table, name, ObjectAction::Create, false));
        statement.objects.extend(made);
    }
    references(statement, &tree, root.syntax());
    written_below(statement, &tree, root.syntax());
    relations_read(statement, &tree, root.syntax());
    statement.tidy();
}

/// Where a statement stops making sense to the parser, as an offset in the file's text; none also if it was not asked.
pub(crate) fn syntax_error(text: &str, span: Span) -> Option<usize> {
    let source = span.of(text);
    let tokens = significant(text, span, EngineKind::Postgres);
    let is_open = |token: &Token<'_>| matches!(token.kind, TokenKind::Unterminated(_));
    if is_too_much(source, &tokens) || tokens.iter().any(is_open) {
        return None;
    }
    let errors = SourceFile::parse(source).errors();
    let first = errors.first()?;
    Some(span.start + usize::from(first.range().start()))
}

fn is_too_much(source: &str, tokens: &[Token<'_>]) -> bool {
    source.len() > LONGEST || is_deep(tokens)
}

fn is_worth_it(kind: StatementKind) -> bool {
    match kind {
        StatementKind::Alter(ObjectClass::Table)
        | StatementKind::Create(
            ObjectClass::Table | ObjectClass::View | ObjectClass::MaterializedView,
        ) => true,
        StatementKind::Other(command) => matches!(
            command,
            Command::Select | Command::Insert | Command::Update | Command::Delete | Command::Merge
        ),
        _ => false,
    }
}

fn is_deep(tokens: &[Token<'_>]) -> bool {
    let mut depth = 0_usize;
    for token in tokens {
        match token.text {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return true;
        }
    }
    // Prefix operators and CASE nest as well.
    let nesting = ["not", "case"];
    let is_nesting = |token: &&Token<'_>| nesting.iter().any(|word| token.is_word(word));
    tokens.iter().filter(is_nesting).count() > 8 * DEEPEST || has_long_prefix(tokens)
}

fn has_long_prefix(tokens: &[Token<'_>]) -> bool {
    let signs = |token: &Token<'_>| token.kind == TokenKind::Symbol && !token.is_symbol(",");
    tokens
        .chunk_by(|a, b| signs(a) && signs(b))
        .any(|run| run.len() > DEEPEST)
}

/// Foreign keys lock the table that they point to.
fn references(statement: &mut Statement, tree: &Tree<'_>, root: &SyntaxNode) {
    for node in root.descendants() {
        let mode = match node.kind() {
            SyntaxKind::REFERENCES_CONSTRAINT | SyntaxKind::FOREIGN_KEY_CONSTRAINT => {
                LockMode::ShareRowExclusive
            }
            SyntaxKind::PARTITION_OF => LockMode::AccessExclusive,
            SyntaxKind::INHERITS => LockMode::ShareUpdateExclusive,
            _ => continue,
        };
        let tables = node
            .descendants()
            .filter(|inner| inner.kind() == SyntaxKind::TABLE_NAME_REF);
        for table in tables {
            statement.add_lock(mode, tree.name(&table));
        }
    }
}

/// Writes inside common table expressions.
fn written_below(statement: &mut Statement, tree: &Tree<'_>, root: &SyntaxNode) {
    for node in root.descendants().skip(1) {
        let table = || {
            let target = node.children().find(|child| {
                matches!(
                    child.kind(),
                    SyntaxKind::RELATION_NAME | SyntaxKind::RELATION_NAME_REF
                )
            })?;
            tree.name_in(&target, SyntaxKind::RELATION_NAME_REF)
        };
        match node.kind() {
            SyntaxKind::DELETE => {
                let table = table();
                statement
                    .destroys
                    .extend(table.as_ref().map(|name| Destroys::Rows(name.display())));
                statement.add_lock(LockMode::RowExclusive, table);
            }
            SyntaxKind::UPDATE => {
                let table = table();
                statement
                    .destroys
                    .extend(table.as_ref().map(|name| Destroys::Values {
                        table: name.display(),
                        columns: assigned(tree, &node),
                    }));
                statement.add_lock(LockMode::RowExclusive, table);
            }
            SyntaxKind::INSERT => statement.add_lock(LockMode::RowExclusive, table()),
            _ => {}
        }
    }
}

fn assigned(tree: &Tree<'_>, node: &SyntaxNode) -> Vec<String> {
    node.descendants()
        .filter(|inner| inner.kind() == SyntaxKind::COLUMN_TARGET)
        .filter_map(|target| tree.name(&target))
        .map(|name| name.name)
        .collect()
}

/// Relations in FROM clauses, without the names of common table expressions.
fn relations_read(statement: &mut Statement, tree: &Tree<'_>, root: &SyntaxNode) {
    let of_kind = |kind| root.descendants().filter(move |node| node.kind() == kind);
    let local: Vec<String> = of_kind(SyntaxKind::CTE_NAME)
        .filter_map(|node| tree.name(&node))
        .map(|name| name.name)
        .collect();
    let locks_rows = of_kind(SyntaxKind::LOCKING_CLAUSE).next().is_some();
    let mode = match locks_rows {
        true => LockMode::RowShare,
        false => LockMode::AccessShare,
    };
    for item in of_kind(SyntaxKind::RELATION_FROM_ITEM) {
        let name = tree.name_in(&item, SyntaxKind::RELATION_NAME_REF);
        let is_local = |name: &Name| name.schema.is_none() && local.contains(&name.name);
        statement.add_lock(mode, name.filter(|name| !is_local(name)));
    }
}

impl Statement {
    pub(super) fn add_lock(&mut self, mode: LockMode, relation: Option<Name>) {
        self.locks.extend(relation.map(|name| LockTaken {
            mode,
            relation: name.display(),
        }));
    }

    /// Leaves one lock a relation, the strongest first, and each destruction once.
    pub(super) fn tidy(&mut self) {
        self.locks
            .sort_by(|a, b| (b.mode, &a.relation).cmp(&(a.mode, &b.relation)));
        let mut seen = Vec::new();
        self.locks.retain(|lock| {
            let new = !seen.contains(&lock.relation);
            seen.push(lock.relation.clone());
            new
        });
        let mut kept: Vec<Destroys> = Vec::new();
        for destroyed in std::mem::take(&mut self.destroys) {
            if !kept.contains(&destroyed) {
                kept.push(destroyed);
            }
        }
        self.destroys = kept;
    }
}
