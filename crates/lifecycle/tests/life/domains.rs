//! What a domain demands, it demands of every row that has it.

use tightrope_lifecycle::RollbackOptions;
use tightrope_testkit::phases::Case;

use crate::postgres;

#[test]
fn rows_that_a_domain_of_before_forbids_go_to_quarantine() {
    let case = Case {
        before: "create domain low as integer constraint small check (value < 1000); \
                 create domain score as low constraint above check (value > 0); \
                 create domain known as text not null; \
                 create table t (id integer primary key, s score, k known default 'q'); \
                 insert into t select i, i from generate_series(1, 3) i;",
        forward: "alter domain low drop constraint small; \
                  alter domain score drop constraint above; \
                  alter domain known drop not null;",
        ..Case::default()
    };
    for phases in postgres() {
        let desk = phases.desk(&case);
        desk.apply(true);
        desk.execute(
            "insert into t values (4, 5000), (5, 5), (7, -7); insert into t values (6, 6, null); update t set s = 2000 where id = 2;",
        );
        let done = desk
            .try_roll_back(&RollbackOptions::default())
            .expect("what does not fit is taken out");
        let net = done.migrations[0].net.as_ref().expect("a net was spread");
        let mut rows: Vec<&str> = net.quarantined.iter().map(|one| one.row.as_str()).collect();
        rows.sort_unstable();
        assert_eq!(rows.len(), 4, "{rows:#?}");
        let mut session = desk.session();
        let left = session
            .query("select string_agg(id::text, ',' order by id) from t", &[])
            .expect("the rows are read");
        assert_eq!(left[0][0].text(), Some("1,3,5"));
    }
}
