//! Copies to rehearse on: a template copy where the source is alone, dump and restore otherwise.
//!
//! A scratch database's name says what it is, and its maker holds an advisory lock on that name for as long as it lives:
//! whoever sweeps sees in `pg_locks` which makers are gone.

mod backup;
mod dump;
mod locale;
mod maintenance;
mod outlook;
#[cfg(unix)]
mod physical;
mod programs;
mod roles;
mod scratch;
mod selective;
mod settings;
mod template;

use std::path::PathBuf;

use tightrope_engine::{
    BackupWatch, Cloner, CopyOutlook, CopyPlace, DatabaseUrl, EngineError, ErrorKind, Scratch,
};
use tightrope_selection::Selection;

use crate::connect::{self, Target, UrlParts};
use maintenance::Maintenance;
use scratch::PostgresScratch;

pub(crate) use roles::roles_of;

/// What scratch databases' names begin with.
const PREFIX: &str = "tightrope_scratch_";

/// Makes and sweeps scratch databases.
#[derive(Clone, Debug, Default)]
pub(crate) struct PostgresCloner {
    bin_dir: Option<PathBuf>,
}

/// What is copied: where it is, and a connection beside it.
struct Source {
    target: Target,
    maintenance: Maintenance,
    /// The options of CREATE DATABASE that its copy is made with; none means those that the source has.
    like: Option<String>,
}

impl PostgresCloner {
    /// Looks for the client programs in that folder first.
    pub(crate) fn look_in(&mut self, folder: PathBuf) {
        self.bin_dir = Some(folder);
    }

    /// Fills a scratch database that is not there yet.
    fn fill(
        &self,
        scratch: &mut PostgresScratch,
        source: &mut Source,
        same_server: bool,
    ) -> Result<&'static str, EngineError> {
        let mut refusal = None;
        // A template brings its collation along.
        if same_server && source.like.is_none() {
            match template::copy_if_alone(source, scratch.name())? {
                Ok(remarks) => {
                    scratch.remark(remarks);
                    return Ok("template");
                }
                Err(why) => refusal = Some(why),
            }
        }
        let told = dump::copy(self.bin_dir.as_deref(), source, scratch, same_server);
        match (told, refusal) {
            (Ok(remarks), _) => {
                scratch.remark(remarks);
                Ok("dump and restore")
            }
            (Err(error), None) => Err(error),
            (Err(error), Some(refusal)) => {
                let detail = error.detail.clone().unwrap_or_default();
                Err(error.detail(
                    format!("a template copy was tried first: {refusal}\n{detail}").trim_end(),
                ))
            }
        }
    }
}

impl Cloner for PostgresCloner {
    fn copy(
        &self,
        source: &DatabaseUrl,
        place: &CopyPlace,
    ) -> Result<Box<dyn Scratch>, EngineError> {
        let url = place.url.as_ref().unwrap_or(source);
        let target = Target::parse(source)?;
        let place_target = Target::parse(url)?;
        let same_server = connect::place(&target.config) == connect::place(&place_target.config);
        let open = if place.empty {
            Maintenance::anywhere
        } else {
            Maintenance::beside
        };
        let mut source = Source {
            maintenance: open(source, &target)?,
            target,
            like: None,
        };
        let mut maintenance = open(url, &place_target)?;
        let beside_source =
            same_server || source.maintenance.started_at()? == maintenance.started_at()?;
        let mut scratch = PostgresScratch::claim(url, maintenance, beside_source)?;
        let method = if place.empty {
            let remarks = template::create_empty(&mut source, &scratch)?;
            scratch.remark(remarks);
            "empty database"
        } else {
            self.fill(&mut scratch, &mut source, same_server)?
        };
        scratch.describe(method, source.target.database())?;
        Ok(Box::new(scratch))
    }

    fn copy_to(
        &self,
        source: &DatabaseUrl,
        there: &DatabaseUrl,
    ) -> Result<Box<dyn Scratch>, EngineError> {
        let (target, place) = (Target::parse(source)?, Target::parse(there)?);
        let mut maintenance = Maintenance::beside(there, &place)?;
        let like = locale::options_of(&mut maintenance, place.database())?;
        let mut source = Source {
            maintenance: Maintenance::beside(source, &target)?,
            target,
            like: Some(like),
        };
        let same_server = source.maintenance.started_at()? == maintenance.started_at()?;
        let mut scratch = PostgresScratch::claim(there, maintenance, same_server)?;
        let method = self.fill(&mut scratch, &mut source, same_server)?;
        scratch.describe(method, source.target.database())?;
        Ok(Box::new(scratch))
    }

    fn outlook(&self, source: &DatabaseUrl, place: &CopyPlace) -> Result<CopyOutlook, EngineError> {
        outlook::of(source, place)
    }

    fn copy_selected(
        &self,
        source: &DatabaseUrl,
        place: &CopyPlace,
        selection: &Selection,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Scratch>, EngineError> {
        let url = place.url.as_ref().unwrap_or(source);
        let (target, place_target) = (Target::parse(source)?, Target::parse(url)?);
        let mut source = Source {
            maintenance: Maintenance::beside(source, &target)?,
            target,
            like: None,
        };
        let mut maintenance = Maintenance::beside(url, &place_target)?;
        let same_server = source.maintenance.started_at()? == maintenance.started_at()?;
        let mut scratch = PostgresScratch::claim(url, maintenance, same_server)?;
        let bin_dir = self.bin_dir.as_deref();
        let report = selective::copy(
            bin_dir,
            &mut source,
            &mut scratch,
            same_server,
            selection,
            watch,
        )?;
        scratch.select(report);
        scratch.describe("selective copy", source.target.database())?;
        Ok(Box::new(scratch))
    }

    fn place_of_new(&self, url: &DatabaseUrl) -> Result<CopyPlace, EngineError> {
        let target = Target::parse(url)?;
        Maintenance::anywhere(url, &target)?.require_free(target.database())?;
        Ok(CopyPlace {
            url: Some(url.clone()),
            empty: false,
        })
    }

    fn size(&self, source: &DatabaseUrl) -> Result<u64, EngineError> {
        let target = Target::parse(source)?;
        Maintenance::anywhere(source, &target)?.size_of(target.database())
    }

    fn is_one_server(&self, one: &DatabaseUrl, other: &DatabaseUrl) -> Result<bool, EngineError> {
        let (target, place) = (Target::parse(one)?, Target::parse(other)?);
        if connect::place(&target.config) == connect::place(&place.config) {
            return Ok(true);
        }
        let mut one = Maintenance::anywhere(one, &target)?;
        let mut other = Maintenance::anywhere(other, &place)?;
        Ok(one.started_at()? == other.started_at()?)
    }

    fn sweep(&self, source: &DatabaseUrl, place: &CopyPlace) -> Result<Vec<String>, EngineError> {
        let url = place.url.as_ref().unwrap_or(source);
        let mut maintenance = Maintenance::anywhere(url, &Target::parse(url)?)?;
        let mut swept = Vec::new();
        for name in maintenance.orphans()? {
            maintenance.drop_database(&name)?;
            swept.push(name);
        }
        swept.extend(roles::sweep(&mut maintenance)?);
        Ok(swept)
    }
}

/// A name that nobody else has.
fn scratch_name() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let number = RandomState::new().hash_one(std::process::id());
    format!("{PREFIX}{:012x}", number & 0xffff_ffff_ffff)
}

/// The same URL with another database.
fn with_database(url: &DatabaseUrl, name: &str) -> DatabaseUrl {
    let UrlParts { user, place, query } = UrlParts::of(url.secret());
    let host = place.split('/').next().unwrap_or_default();
    let query: Vec<&str> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty() && !parameter.starts_with("dbname="))
        .collect();
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{}", query.join("&"))
    };
    DatabaseUrl::new(format!("{user}{host}/{name}{query}"))
}

fn poisoned() -> EngineError {
    EngineError::new(
        ErrorKind::Other,
        "another thread failed while it held the maintenance connection",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_of_the_same_url() {
        let check = |url: &str, expect: &str| {
            assert_eq!(with_database(&DatabaseUrl::new(url), "x").secret(), expect);
        };
        check(
            "postgres://me:a/b@h:1/shop?sslmode=disable",
            "postgres://me:a/b@h:1/x?sslmode=disable",
        );
        check("postgres://h", "postgres://h/x");
        check(
            "postgresql:///shop?host=/run&dbname=other",
            "postgresql:///x?host=/run",
        );
    }

    #[test]
    fn names_differ() {
        assert_ne!(scratch_name(), scratch_name());
    }
}
