use std::collections::BTreeMap;

use tightrope_model::TableName;

/// Where the values come from that a table needs when it gets its shape back, by the table's name before the migration.
///
/// Without a source a column that comes back is filled with its default, and a table that comes back is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The tables for which the net has something.
    pub tables: BTreeMap<TableName, TableSource>,
}

/// The values of one table. Its rows as they are now are `t` in every expression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSource {
    /// What follows the table in the FROM clause: `left join tightrope.net_3_1_rows p on p."k1" = t."id"`. The text `{now}`
    /// stands for the table as it is now.
    pub joins: String,
    /// Which of its rows stay, if not all.
    pub filter: Option<String>,
    /// Columns (by the name before) and the expression that gives their value. A column that is not here keeps its value,
    /// converted back to its old type if that is another one.
    pub columns: BTreeMap<String, String>,
    /// Rows that are in the net and no more in the table. They are added after the others.
    pub more: Vec<MoreRows>,
    /// Where the table itself was set aside, if it was: it is moved back instead of made again.
    pub set_aside: Option<TableName>,
    /// What can take the place of the table, if it has to be built anew: then none of its rows is written again.
    pub stand_in: Option<StandIn>,
    /// Columns (by the name before) that are still there under another name, hidden: they are renamed back.
    pub hidden: BTreeMap<String, String>,
    /// Settings under which its rows are read and written fastest. They hold for that alone.
    pub settings: Vec<Setting>,
}

/// A table of the net that holds all rows as they were, in the order and types of the columns of before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// Its name.
    pub table: TableName,
    /// The statements that give it what the application has written since, in their order. The text `{now}` stands for the
    /// table as it is now.
    pub changes: Vec<String>,
}

/// A setting of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// The value that it has meanwhile.
    pub value: String,
    /// The value that it has otherwise.
    pub otherwise: String,
}

/// Rows from the net.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MoreRows {
    /// The FROM clause: `tightrope.net_3_1_rows p`. The text `{now}` stands for the table as it is now.
    pub from: String,
    /// Which of them.
    pub filter: Option<String>,
    /// Columns (by the name before) and the expression that gives their value; the others get their default.
    pub columns: BTreeMap<String, String>,
}
