use tightrope_model::Value;

use crate::{Store, StoreError};

/// The layout that this version writes; raised with every change of a table.
const LAYOUT: i64 = 1;

impl Store<'_> {
    /// Whether tightrope has been here.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn exists(&mut self) -> Result<bool, StoreError> {
        Ok(self.session.has_store()?)
    }

    /// Makes the tables if they are not there, in one transaction, and checks that their layout is known.
    ///
    /// # Errors
    /// When the session may not create them, or a newer tightrope made them.
    pub fn ensure(&mut self) -> Result<(), StoreError> {
        if !self.exists()? {
            self.session.begin()?;
            let made = self.create();
            if let Err(error) = made {
                self.session.roll_back()?;
                // Two may have begun at once: whoever lost finds the other's tables.
                return if self.exists()? {
                    self.check_layout()
                } else {
                    Err(error)
                };
            }
            self.session.commit()?;
        }
        self.check_layout()
    }

    fn check_layout(&mut self) -> Result<(), StoreError> {
        let meta = self.table("meta");
        let rows = self.session.query(
            &format!("select value from {meta} where name = 'layout'"),
            &[],
        )?;
        let found = rows
            .first()
            .and_then(|row| row[0].text())
            .and_then(|text| text.parse().ok());
        match found {
            Some(LAYOUT) => Ok(()),
            Some(found) if found > LAYOUT => Err(StoreError::NewerLayout {
                found,
                known: LAYOUT,
            }),
            _ => Err(StoreError::Damaged {
                table: "meta",
                what: "no layout number".to_owned(),
            }),
        }
    }

    fn create(&mut self) -> Result<(), StoreError> {
        let dialect = self.session.store_dialect();
        for statement in dialect.prepare {
            self.session.query(statement, &[])?;
        }
        let prefix = dialect.prefix;
        let key = dialect.serial_key;
        let tables = [
            format!("create table {prefix}meta (name text primary key, value text not null)"),
            format!(
                "create table {prefix}lease (resource text primary key, fencing bigint not null, holder text, liveness text, \
                 acquired_at text, heartbeat_at text)"
            ),
            format!(
                "create table {prefix}migration (version_key text primary key, version text not null, name text not null, \
                 sequence bigint not null, layout bigint not null, record text not null)"
            ),
            format!(
                "create table {prefix}journal (sequence {key}, fencing bigint not null, run text not null, at text not null, \
                 edge text not null, version_key text, detail text not null)"
            ),
            format!(
                "create table {prefix}ledger (sequence bigint primary key, at text not null, actor text not null, \
                 action text not null, version text, detail text not null, previous text not null, digest text not null)"
            ),
            format!(
                "create table {prefix}snapshot (strict text primary key, layout bigint not null, catalog text not null)"
            ),
        ];
        for table in &tables {
            self.session.query(table, &[])?;
        }
        self.session.query(
            &format!("insert into {prefix}meta (name, value) values ('layout', $1)"),
            &[Value::from(LAYOUT.to_string())],
        )?;
        self.session.query(
            &format!("insert into {prefix}lease (resource, fencing) values ('run', 0)"),
            &[],
        )?;
        Ok(())
    }
}
