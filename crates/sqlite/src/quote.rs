/// Quotes an identifier: the one function that does so for SQLite.
pub fn quote_identifier(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(identifier: &str) {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let quoted = quote_identifier(identifier);
        connection
            .execute_batch(&format!("create table {quoted} ({quoted} integer)"))
            .unwrap();
        let read: (String, String) = connection
            .query_row(
                "select t.name, c.name from sqlite_schema t, pragma_table_info(t.name) c",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert_eq!(read, (identifier.to_owned(), identifier.to_owned()));
    }

    #[test]
    fn every_name_survives() {
        for name in ["a", "select", "a b", "a\"b", "\"", "é'`]", "a;--"] {
            check(name);
        }
    }
}
