//! What the `order by` of a query leaves open: rows that are alike in all its keys tie, and may come in any order.
//!
//! The keys need not be among the columns of the result, and which values are alike only the server knows. So the query is put into
//! another one that ranks its rows by the same keys, with the keys that are no columns of it beside them.

use tightrope_model::EngineKind;
use tightrope_script::{Token, TokenKind, Tokens};

use crate::tables::name_of;

/// A query with an order that can be asked for the ranks of its rows: the rows that tie have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// The names of the columns that it has, by number.
    columns: String,
    /// The query without its order, under the name `tightrope_rows`.
    rows: String,
    /// The keys of its order.
    order: String,
    /// What takes only some of the rows; empty if all come.
    cut: String,
}

impl Ranked {
    /// Reads a query whose result has those columns; none where its keys cannot be put beside its rows.
    pub fn of(sql: &str, columns: &[String], engine: EngineKind) -> Option<Self> {
        let clauses = Clauses::of(sql, engine)?;
        let mut order = Vec::new();
        let mut beside: Vec<&str> = Vec::new();
        for item in clauses.items() {
            let key = Key::of(sql, &item, columns, engine)?;
            let column = key.column.unwrap_or_else(|| {
                beside.push(key.expression);
                columns.len() + beside.len()
            });
            let name = column_name(column);
            order.push(format!("{name} {}", key.direction).trim_end().to_owned());
        }
        let body = clauses.with_beside(sql, &beside)?;
        let names = |count: usize| {
            let names: Vec<String> = (1..=count).map(column_name).collect();
            names.join(", ")
        };
        Some(Self {
            columns: names(columns.len()),
            rows: format!(
                "with tightrope_rows ({}) as (\n{body}\n)",
                names(columns.len() + beside.len())
            ),
            order: order.join(", "),
            cut: clauses.cut(),
        })
    }

    /// Whether the query takes only some of its rows.
    pub fn is_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    /// What gives the rows that the query gives, with the rank of each behind its columns.
    pub fn shown(&self) -> String {
        let cut = &self.cut;
        format!("{} order by tightrope_rank {cut}", self.ranked())
    }

    /// What gives all rows of those ranks, whatever the query takes of them.
    pub fn between(&self, first: u64, last: u64) -> String {
        format!(
            "select * from (\n{}\n) tightrope_ranked where tightrope_rank between {first} and {last} order by tightrope_rank",
            self.ranked()
        )
    }

    fn ranked(&self) -> String {
        let Self {
            columns,
            rows,
            order,
            ..
        } = self;
        format!(
            "{rows}\nselect {columns}, dense_rank() over (order by {order}) as tightrope_rank from tightrope_rows"
        )
    }
}

fn column_name(number: usize) -> String {
    format!("tightrope_{number}")
}

/// Where the parts of a query are, as numbers of its tokens.
struct Clauses<'s> {
    tokens: Vec<(Token<'s>, usize)>,
    /// Behind the list of `select`; none where it has none, or where several queries are put together.
    list_end: Option<usize>,
    order: usize,
    /// Behind the last key.
    order_end: usize,
}

impl<'s> Clauses<'s> {
    fn of(sql: &'s str, engine: EngineKind) -> Option<Self> {
        let mut depth = 0_usize;
        let mut tokens: Vec<(Token<'s>, usize)> = Vec::new();
        for token in Tokens::of(sql, engine).filter(Token::is_significant) {
            if token.is_symbol(")") || token.is_symbol("]") {
                depth = depth.saturating_sub(1);
            }
            if depth == 0 && token.is_symbol(";") {
                break;
            }
            tokens.push((token, depth));
            if token.is_symbol("(") || token.is_symbol("[") {
                depth += 1;
            }
        }
        let outer = |at: usize, words: &[&str]| {
            tokens.get(at).is_some_and(|(token, depth)| {
                *depth == 0 && words.iter().any(|word| token.is_word(word))
            })
        };
        let find = |from: usize, words: &[&str]| (from..tokens.len()).find(|at| outer(*at, words));
        let is_read = outer(0, &["select", "with", "values", "table"])
            || tokens
                .first()
                .is_some_and(|(token, _)| token.is_symbol("("));
        let order = (0..tokens.len())
            .find(|at| outer(*at, &["order"]) && outer(at + 1, &["by"]))
            .filter(|_| is_read)?;
        let order_end = find(order, &["limit", "offset", "fetch", "for"]).unwrap_or(tokens.len());
        let select = find(0, &["select"]).filter(|at| *at < order);
        let is_several = find(0, &["union", "intersect", "except"]).is_some();
        // SQLite orders distinct rows by what they do not have: one more column makes others of them.
        let is_distinct = engine == EngineKind::Sqlite
            && select.is_some_and(|select| outer(select + 1, &["distinct"]));
        let list_end = select
            .filter(|_| !is_several && !is_distinct)
            .map(|select| {
                const NEXT: [&str; 6] = ["from", "where", "group", "having", "window", "order"];
                (select + 1..order)
                    // `a is distinct from b`
                    .find(|at| {
                        outer(*at, &NEXT) && !(*at > select + 1 && outer(at - 1, &["distinct"]))
                    })
                    .unwrap_or(order)
            });
        Some(Self {
            tokens,
            list_end,
            order,
            order_end,
        })
    }

    /// The keys of the order, each with its direction.
    fn items(&self) -> impl Iterator<Item = Vec<Token<'s>>> {
        let items = &self.tokens[self.order + 2..self.order_end];
        let items = items.split(|(token, depth)| *depth == 0 && token.is_symbol(","));
        items.map(|item| item.iter().map(|(token, _)| *token).collect())
    }

    /// The query without its order, and with these expressions behind its columns.
    fn with_beside(&self, sql: &str, beside: &[&str]) -> Option<String> {
        let end = self.tokens[self.order].0.start;
        if beside.is_empty() {
            return Some(sql[..end].trim_end().to_owned());
        }
        let at = self.tokens[self.list_end?.checked_sub(1)?].0.end();
        let beside: String = beside.iter().map(|key| format!(", ({key})")).collect();
        Some(format!("{}{beside} {}", &sql[..at], sql[at..end].trim()))
    }

    /// What takes some of the rows: behind the order, without the locks that a rank does not take.
    fn cut(&self) -> String {
        let mut text = String::new();
        let (mut locks, mut end) = (false, None);
        for (token, depth) in &self.tokens[self.order_end..] {
            if *depth == 0 {
                let begins = |words: &[&str]| words.iter().any(|word| token.is_word(word));
                locks = !begins(&["limit", "offset", "fetch"]) && (locks || begins(&["for"]));
            }
            if locks {
                continue;
            }
            if end.is_some_and(|end| end != token.start) {
                text.push(' ');
            }
            text.push_str(token.text);
            end = Some(token.end());
        }
        text
    }
}

/// One key of an order.
struct Key<'s> {
    /// Its text, without what follows it.
    expression: &'s str,
    /// `desc nulls last` and the like.
    direction: &'s str,
    /// The column of the result that it names, from 1.
    column: Option<usize>,
}

impl<'s> Key<'s> {
    fn of(
        sql: &'s str,
        item: &[Token<'s>],
        columns: &[String],
        engine: EngineKind,
    ) -> Option<Self> {
        let word = |at: usize, words: &[&str]| {
            item.get(at)
                .is_some_and(|token| words.iter().any(|word| token.is_word(word)))
        };
        let mut end = item.len();
        if end > 2 && word(end - 2, &["nulls"]) && word(end - 1, &["first", "last"]) {
            end -= 2;
        }
        if end > 1 && word(end - 1, &["asc", "desc"]) {
            end -= 1;
        }
        let operator = (1..end).rev().find(|at| word(*at, &["using"]));
        end = operator.unwrap_or(end);
        // On SQLite a column of the result may stand before a collation; elsewhere that is an expression of its own.
        if engine == EngineKind::Sqlite && end == 3 && word(1, &["collate"]) {
            end = 1;
        }
        let span = |tokens: &[Token<'s>]| match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => &sql[first.start..last.end()],
            _ => "",
        };
        let (expression, direction) = item.split_at(end);
        let column = match expression {
            [] => return None,
            [number] if number.kind == TokenKind::Number => {
                let number = number.text.parse().ok();
                Some(number.filter(|number| (1..=columns.len()).contains(number))?)
            }
            [name] => name_of(name).and_then(|name| {
                let is_it = |column: &String| match engine {
                    EngineKind::Postgres => *column == name,
                    EngineKind::Sqlite => column.eq_ignore_ascii_case(&name),
                };
                columns.iter().position(is_it).map(|at| at + 1)
            }),
            _ => None,
        };
        // The collation belongs to the expression where that is no column of the result.
        let is_whole =
            column.is_some() || !direction.first().is_some_and(|it| it.is_word("collate"));
        let (expression, direction) = match is_whole {
            true => (expression, direction),
            false => item.split_at(3),
        };
        Some(Self {
            expression: span(expression),
            direction: span(direction),
            column,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(sql: &str, columns: &[&str], engine: EngineKind) -> Option<Ranked> {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        Ranked::of(sql, &columns, engine)
    }

    fn check(sql: &str, columns: &[&str], rows: &str, order: &str, cut: &str) {
        let found = ranked(sql, columns, EngineKind::Postgres).unwrap();
        let body = found.rows.split_once("as (\n").unwrap().1;
        assert_eq!(body.strip_suffix("\n)"), Some(rows), "{sql}");
        assert_eq!(
            (found.order.as_str(), found.cut.as_str()),
            (order, cut),
            "{sql}"
        );
    }

    #[test]
    fn keys_that_are_columns_of_the_result_are_named_and_the_others_stand_beside_it() {
        check(
            "select id, name from t where a order by name desc nulls last, lower(x), 1",
            &["id", "name"],
            "select id, name, (lower(x)) from t where a",
            "tightrope_2 desc nulls last, tightrope_3, tightrope_1",
            "",
        );
        check(
            "with x as (select 1 order by 1 limit 2) select distinct a is distinct from b as c from x order by C limit 3 offset 1;",
            &["c"],
            "with x as (select 1 order by 1 limit 2) select distinct a is distinct from b as c from x",
            "tightrope_1",
            "limit 3 offset 1",
        );
        check(
            "select a from t union select b from u order by a using > fetch first 2 rows only for update of t",
            &["a"],
            "select a from t union select b from u",
            "tightrope_1 using >",
            "fetch first 2 rows only",
        );
        check(
            "select count(*) from t group by a order by a collate \"C\", f(a, b)",
            &["count"],
            "select count(*), (a collate \"C\"), (f(a, b)) from t group by a",
            "tightrope_2, tightrope_3",
            "",
        );
        check(
            "select * from t order by a for update skip locked limit 2",
            &["b"],
            "select *, (a) from t",
            "tightrope_2",
            "limit 2",
        );
    }

    #[test]
    fn what_stands_before_a_collation_may_be_a_column_on_sqlite() {
        let found = ranked(
            "select lower(a) as a from t order by a collate nocase desc, b collate nocase",
            &["a"],
            EngineKind::Sqlite,
        );
        let found = found.unwrap();
        assert_eq!(found.order, "tightrope_1 collate nocase desc, tightrope_2");
        assert!(
            found.rows.contains(", (b collate nocase) from t"),
            "{}",
            found.rows
        );
    }

    #[test]
    fn what_cannot_be_put_beside_the_rows_is_not_ranked() {
        let refused = |sql: &str, engine| assert_eq!(ranked(sql, &["a"], engine), None, "{sql}");
        refused("select a from t", EngineKind::Postgres);
        refused("select a from t order by 2", EngineKind::Postgres);
        refused(
            "select a from t union select b from u order by lower(a)",
            EngineKind::Postgres,
        );
        refused(
            "insert into t select a from u order by a returning a",
            EngineKind::Postgres,
        );
        refused("select distinct a from t order by b", EngineKind::Sqlite);
        refused(
            "values (1), (2) order by lower(column1)",
            EngineKind::Postgres,
        );
    }
}
