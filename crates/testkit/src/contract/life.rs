//! Who lives, what runs for nobody, and whether an index is whole.

use std::thread;
use std::time::{Duration, Instant};

use tightrope_engine::{Alive, Liveness};

use super::Subject;
use super::desk::{Desk, try_run};

/// Long enough for anything that will happen, short enough to fail.
const LIMIT: Duration = Duration::from_secs(30);

/// Asks again until the answer is yes: a server ends a session in its own time.
fn eventually(what: &str, mut ask: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !ask() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whoever left evidence and lives is alive, seen by others and by itself.
pub fn a_living_session_is_alive(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let evidence = desk
        .session
        .liveness()
        .expect("the session proves its life");
    let mut other = desk.another();
    assert_eq!(
        other.is_alive(&evidence).expect("life can be asked for"),
        Alive::Yes
    );
    let own = desk
        .session
        .is_alive(&evidence)
        .expect("life can be asked for");
    assert_eq!(own, Alive::Yes);
}

/// Whoever has ended is certainly gone.
pub fn an_ended_session_is_not_alive(subject: &Subject) {
    if !subject.sql.session_is_evidence {
        return;
    }
    let mut desk = Desk::new(subject);
    let mut other = desk.another();
    let evidence = other.liveness().expect("the session proves its life");
    drop(other);
    eventually("the session that ended still lives", || {
        let alive = desk.session.is_alive(&evidence);
        alive.expect("life can be asked for") == Alive::No
    });
}

/// Evidence that cannot be read says nothing: a lease is not taken over on a guess.
pub fn nonsense_is_no_evidence(subject: &Subject) {
    let mut desk = Desk::new(subject);
    for text in ["", "nonsense", "{}", "1", "é"] {
        let alive = desk.session.is_alive(&Liveness(text.to_owned()));
        assert!(
            matches!(alive, Ok(Alive::Unknown) | Err(_)),
            "{text:?}: {alive:?}"
        );
    }
}

/// What still runs for somebody who is gone can be ended by his evidence.
pub fn what_an_orphan_runs_can_be_ended(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let mut orphan = desk.another();
    let evidence = orphan.liveness().expect("the session proves its life");
    let Some(endless) = subject.sql.endless else {
        let ended = desk.session.end_orphan(&evidence);
        assert!(!ended.expect("an orphan can be ended"));
        return;
    };
    let runs = thread::spawn(move || try_run(orphan.as_mut(), endless).is_err());
    eventually("there was nothing to end", || {
        let ended = desk.session.end_orphan(&evidence);
        ended.expect("an orphan can be ended")
    });
    assert!(runs.join().expect("the orphan ends"), "its statement fails");
    eventually("there is still something to end", || {
        let ended = desk.session.end_orphan(&evidence);
        !ended.expect("an orphan can be ended")
    });
}

/// An index that is not there is neither valid nor not.
pub fn a_missing_index_has_no_validity(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let validity = desk.session.index_validity(None, "nothing");
    assert_eq!(validity.expect("an index is looked for"), None);
}

/// An index that was built whole is valid, where indexes can be anything else.
pub fn an_index_is_valid(subject: &Subject) {
    let statements = ["create table t (v text)", "create index t_v on t (v)"];
    let mut desk = Desk::with(subject, &statements);
    let whole = desk.session.capabilities().concurrent_index.then_some(true);
    let schema = Some(subject.sql.schema).filter(|schema| !schema.is_empty());
    for schema in [None, schema] {
        let validity = desk.session.index_validity(schema, "t_v");
        assert_eq!(validity.expect("an index is looked for"), whole);
    }
}
