use super::token::{Kind, Token, tokens};

/// The first word of a statement in lower case; empty if it begins with none.
pub(crate) fn first_word(sql: &str) -> String {
    tokens(sql)
        .into_iter()
        .find(|token| !token.is(";"))
        .filter(|token| token.kind == Kind::Word)
        .map(|token| token.text.to_ascii_lowercase())
        .unwrap_or_default()
}

/// Whether there is nothing to run: white space, comments and semicolons.
pub(crate) fn is_empty(sql: &str) -> bool {
    tokens(sql).iter().all(|token| token.is(";"))
}

/// Where a name stands in a statement first, as a byte offset.
pub(crate) fn place_of_name(sql: &str, name: &str) -> Option<usize> {
    tokens(sql)
        .into_iter()
        .find(|token| {
            token
                .name()
                .is_some_and(|found| found.eq_ignore_ascii_case(name))
        })
        .map(|token| token.text.as_ptr() as usize - sql.as_ptr() as usize)
}

/// A statement of a script, as far as counting its rows needs it.
pub(crate) struct Statement<'a> {
    tokens: Vec<Token<'a>>,
}

/// The table that a statement names as the one it writes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrittenTable {
    /// Its name without schema and quotes.
    pub(crate) table: String,
    /// Whether rows that are in the way are replaced.
    pub(crate) replaces: bool,
}

impl<'a> Statement<'a> {
    /// Reads a statement.
    pub(crate) fn read(sql: &'a str) -> Self {
        Self {
            tokens: tokens(sql),
        }
    }

    /// What it does with rows: `insert`, `replace`, `update` or `delete`, also behind a WITH clause.
    pub(crate) fn verb(&self) -> Option<&'static str> {
        self.at().map(|(_, verb)| verb)
    }

    /// The table that it writes to.
    pub(crate) fn target(&self) -> Option<WrittenTable> {
        let (at, verb) = self.at()?;
        let mut rest = &self.tokens[at + 1..];
        let mut replaces = verb == "replace";
        if let [or, action, tail @ ..] = rest
            && or.is("or")
        {
            replaces |= action.is("replace");
            rest = tail;
        }
        if let [word, tail @ ..] = rest
            && word.is_any(&["into", "from"])
        {
            rest = tail;
        }
        let name = match rest {
            [schema, dot, name, ..] if dot.is(".") => {
                if !schema.name()?.eq_ignore_ascii_case("main") {
                    return None;
                }
                name
            }
            [name, ..] => name,
            [] => return None,
        };
        Some(WrittenTable {
            table: name.name()?.into_owned(),
            replaces,
        })
    }

    /// The first verb outside brackets, with its place.
    fn at(&self) -> Option<(usize, &'static str)> {
        let mut depth = 0_i32;
        for (index, token) in self.tokens.iter().enumerate() {
            if token.is("(") {
                depth += 1;
            } else if token.is(")") {
                depth -= 1;
            } else if depth == 0 {
                let verb = ["insert", "replace", "update", "delete"]
                    .into_iter()
                    .find(|verb| token.is(verb));
                if let Some(verb) = verb {
                    return Some((index, verb));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expect: Option<(&str, bool)>) {
        let target = Statement::read(sql).target();
        let expect = expect.map(|(table, replaces)| WrittenTable {
            table: table.to_owned(),
            replaces,
        });
        assert_eq!(target, expect, "{sql}");
    }

    #[test]
    fn the_target_is_found() {
        check("insert into t (a) values (1)", Some(("t", false)));
        check("REPLACE INTO \"my t\" values (1)", Some(("my t", true)));
        check(
            "insert or replace into main.t values (1)",
            Some(("t", true)),
        );
        check("update or ignore t set a = 1", Some(("t", false)));
        check(
            "with x as (select replace('a', 'b', 'c')) delete from t",
            Some(("t", false)),
        );
        check("delete from other.t", None);
        check("select 1", None);
    }

    #[test]
    fn first_words() {
        assert_eq!(first_word(" -- c\n /* d */ Delete from t"), "delete");
        assert_eq!(first_word("(select 1)"), "");
    }
}
