use tightrope_model::Value;

use crate::{Store, StoreError};

/// The layout that this version writes; raised with every change of a table.
const LAYOUT: i64 = 3;

/// The first layout with a quarantine and forward images.
const WITH_NET: i64 = 2;

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
        match self.layout()? {
            LAYOUT => Ok(()),
            found => self.upgrade(found),
        }
    }

    /// Checks that the layout of the tables is known, for reading: an older one is.
    ///
    /// # Errors
    /// When a newer tightrope made them.
    pub fn check_layout(&mut self) -> Result<(), StoreError> {
        self.layout().map(drop)
    }

    pub(crate) fn layout(&mut self) -> Result<i64, StoreError> {
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
            Some(found) if (1..=LAYOUT).contains(&found) => Ok(found),
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

    /// Brings the tables of an older tightrope to this layout, in one transaction.
    fn upgrade(&mut self, found: i64) -> Result<(), StoreError> {
        self.session.begin()?;
        let prefix = self.session.store_dialect().prefix;
        let net = match found < WITH_NET {
            true => self.create_net_tables(),
            false => Ok(()),
        };
        let upgraded = net.and_then(|()| {
            self.create_watch_tables()?;
            self.session.query(
                &format!("update {prefix}meta set value = $1 where name = 'layout'"),
                &[Value::from(LAYOUT.to_string())],
            )?;
            Ok(())
        });
        match upgraded {
            Ok(()) => Ok(self.session.commit()?),
            Err(error) => {
                self.session.roll_back()?;
                Err(error)
            }
        }
    }

    fn create_net_tables(&mut self) -> Result<(), StoreError> {
        let dialect = self.session.store_dialect();
        let (prefix, key) = (dialect.prefix, dialect.serial_key);
        self.session.query(
            &format!(
                "create table {prefix}quarantine (number {key}, at text not null, migration text not null, \
                 table_schema text not null, table_name text not null, reason text not null, row_values text not null)"
            ),
            &[],
        )?;
        self.session.query(
            &format!(
                "create table {prefix}forward_image (number {key}, at text not null, version_key text not null, \
                 migration text not null, forward text not null, own_table text not null, image text not null)"
            ),
            &[],
        )?;
        Ok(())
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
        self.create_net_tables()?;
        self.session.query(
            &format!("insert into {prefix}meta (name, value) values ('layout', $1)"),
            &[Value::from(LAYOUT.to_string())],
        )?;
        self.session.query(
            &format!("insert into {prefix}lease (resource, fencing) values ('run', 0)"),
            &[],
        )?;
        self.create_watch_tables()?;
        Ok(())
    }
}
