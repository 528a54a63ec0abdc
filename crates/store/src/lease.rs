use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tightrope_engine::{Alive, Liveness};
use tightrope_model::Value;

/// After how many seconds without a heartbeat a holder whose life cannot be seen counts as dead.
pub const HEARTBEAT_TTL_S: i64 = 30;

use crate::{Store, StoreError};

/// The lease of a run.
const RUN: &str = "run";

/// Who holds the lease, for people: shown to whoever comes second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The operating system's user.
    pub user: String,
    /// The host.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// What it does: `apply`, `rollback`.
    pub command: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}@{}, process {}, `tightrope {}`",
            self.user, self.host, self.pid, self.command
        )
    }
}

/// A lease that we hold. Its fencing number is larger than that of every holder before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The fencing number.
    pub fencing: i64,
    /// Who we said we are.
    pub holder: Holder,
    /// The server's time when it was taken.
    pub taken_at: Timestamp,
}

/// What asking for the lease gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// It is ours.
    Taken {
        /// The lease.
        lease: Lease,
        /// The dead holder that it was taken over from.
        from: Option<Holder>,
    },
    /// Somebody alive has it.
    Held {
        /// Who.
        by: Holder,
        /// Since when, by the server's clock.
        since: String,
        /// For how many seconds.
        seconds: i64,
    },
}

struct LeaseRow {
    fencing: i64,
    holder: Option<Holder>,
    liveness: Option<Liveness>,
    acquired_at: Option<String>,
    heartbeat_at: Option<String>,
    now: Timestamp,
}

impl Store<'_> {
    /// Asks for the lease; takes it over from a holder that is certainly dead, or silent for [`HEARTBEAT_TTL_S`].
    ///
    /// A holder whose session lives on the server although its client is silent is ended first.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn take_lease(&mut self, holder: &Holder) -> Result<LeaseOutcome, StoreError> {
        self.take_lease_on(RUN, holder)
    }

    /// The same for another thing than a run.
    pub(crate) fn take_lease_on(
        &mut self,
        resource: &str,
        holder: &Holder,
    ) -> Result<LeaseOutcome, StoreError> {
        let liveness = self.session.liveness()?;
        self.session.begin()?;
        let outcome = self.take_lease_inside(resource, holder, &liveness);
        match &outcome {
            Ok(_) => self.session.commit()?,
            Err(_) => self.session.roll_back()?,
        }
        outcome
    }

    fn take_lease_inside(
        &mut self,
        resource: &str,
        holder: &Holder,
        liveness: &Liveness,
    ) -> Result<LeaseOutcome, StoreError> {
        let row = self.lease_row(resource, true)?;
        if let (Some(by), Some(evidence)) = (&row.holder, &row.liveness) {
            let silent_s = seconds_since(row.heartbeat_at.as_deref(), row.now);
            let dead = match self.session.is_alive(evidence)? {
                Alive::No => true,
                Alive::Yes if silent_s > HEARTBEAT_TTL_S => {
                    self.session.end_orphan(evidence)?;
                    true
                }
                Alive::Yes => false,
                Alive::Unknown => silent_s > HEARTBEAT_TTL_S,
            };
            if !dead {
                return Ok(LeaseOutcome::Held {
                    by: by.clone(),
                    seconds: seconds_since(row.acquired_at.as_deref(), row.now),
                    since: row.acquired_at.unwrap_or_default(),
                });
            }
        }
        let fencing = row.fencing + 1;
        let lease_table = self.table("lease");
        let now = self.session.store_dialect().now;
        self.session.query(
            &format!(
                "update {lease_table} set fencing = $1, holder = $2, liveness = $3, acquired_at = {now}, heartbeat_at = {now} \
                 where resource = $4"
            ),
            &[
                Value::from(fencing),
                Value::from(to_json(holder)),
                Value::from(liveness.0.clone()),
                Value::from(resource),
            ],
        )?;
        let lease = Lease {
            fencing,
            holder: holder.clone(),
            taken_at: row.now,
        };
        Ok(LeaseOutcome::Taken {
            lease,
            from: row.holder,
        })
    }

    /// Who holds the lease now, with the seconds since it was taken, and whether that holder lives; nobody if it is free.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn lease_holder(&mut self) -> Result<Option<(Holder, i64, Alive)>, StoreError> {
        self.holder_of(RUN)
    }

    pub(crate) fn holder_of(
        &mut self,
        resource: &str,
    ) -> Result<Option<(Holder, i64, Alive)>, StoreError> {
        let row = self.lease_row(resource, false)?;
        let (Some(holder), Some(evidence)) = (row.holder, row.liveness) else {
            return Ok(None);
        };
        let alive = self.session.is_alive(&evidence)?;
        Ok(Some((
            holder,
            seconds_since(row.acquired_at.as_deref(), row.now),
            alive,
        )))
    }

    /// Says that the holder of that fencing number lives.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if somebody took it over.
    pub fn heartbeat(&mut self, fencing: i64) -> Result<(), StoreError> {
        self.heartbeat_on(RUN, fencing)
    }

    pub(crate) fn heartbeat_on(&mut self, resource: &str, fencing: i64) -> Result<(), StoreError> {
        let lease = self.table("lease");
        let now = self.session.store_dialect().now;
        let rows = self.session.query(
            &format!("update {lease} set heartbeat_at = {now} where resource = $1 and fencing = $2 returning fencing"),
            &[Value::from(resource), Value::from(fencing)],
        )?;
        if rows.is_empty() {
            Err(StoreError::LeaseLost { ours: fencing })
        } else {
            Ok(())
        }
    }

    /// Makes sure, inside the open transaction and until its end, that the lease is still ours.
    ///
    /// Called right before every commit that matters: whoever took over has a larger number, and we must not commit then.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if somebody took it over.
    pub fn guard_lease(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.guard_lease_on(RUN, lease)
    }

    pub(crate) fn guard_lease_on(
        &mut self,
        resource: &str,
        lease: &Lease,
    ) -> Result<(), StoreError> {
        let row = self.lease_row(resource, true)?;
        if row.fencing == lease.fencing {
            Ok(())
        } else {
            Err(StoreError::LeaseLost {
                ours: lease.fencing,
            })
        }
    }

    /// Gives the lease back, inside the open transaction.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn release_lease(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.release_lease_on(RUN, lease)
    }

    pub(crate) fn release_lease_on(
        &mut self,
        resource: &str,
        lease: &Lease,
    ) -> Result<(), StoreError> {
        let table = self.table("lease");
        self.session.query(
            &format!("update {table} set holder = null, liveness = null where resource = $1 and fencing = $2"),
            &[Value::from(resource), Value::from(lease.fencing)],
        )?;
        Ok(())
    }

    fn lease_row(&mut self, resource: &str, hold: bool) -> Result<LeaseRow, StoreError> {
        let table = self.table("lease");
        let dialect = self.session.store_dialect();
        let (now, for_update) = (dialect.now, if hold { dialect.for_update } else { "" });
        let rows = self.session.query(
            &format!(
                "select fencing, holder, liveness, acquired_at, heartbeat_at, {now} from {table} where resource = $1{for_update}"
            ),
            &[Value::from(resource)],
        )?;
        let damaged = |what: &str| StoreError::Damaged {
            table: "lease",
            what: what.to_owned(),
        };
        let row = rows.into_iter().next().ok_or_else(|| damaged("no row"))?;
        let text = |index: usize| row[index].text().map(str::to_owned);
        Ok(LeaseRow {
            fencing: row[0]
                .integer()
                .ok_or_else(|| damaged("no fencing number"))?,
            holder: text(1).and_then(|holder| serde_json::from_str(&holder).ok()),
            liveness: text(2).map(Liveness),
            acquired_at: text(3),
            heartbeat_at: text(4),
            now: text(5)
                .and_then(|now| now.parse().ok())
                .ok_or_else(|| damaged("no time"))?,
        })
    }
}

fn seconds_since(then: Option<&str>, now: Timestamp) -> i64 {
    let then = then.and_then(|then| then.parse::<Timestamp>().ok());
    then.map_or(i64::MAX, |then| now.as_second() - then.as_second())
}

/// Our own types always become JSON.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
