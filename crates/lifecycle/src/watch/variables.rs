//! The environment variables that criteria name: whoever watches has to have them before it begins.

use tightrope_judge::{Criteria, ProbeSource};

use super::report::WatchError;
use super::web::names;
use crate::project::Project;

/// Makes sure that every variable is set which the addresses and authorizations of the criteria name. A probe that has no address on
/// this machine would look like one that is down.
pub(super) fn all_set(project: &Project, criteria: &Criteria) -> Result<(), WatchError> {
    let unset = |texts: &[Option<&String>]| {
        let mut named = texts.iter().flatten().flat_map(|text| names(text));
        named
            .find(|name| (project.variables)(name).is_none())
            .map(str::to_owned)
    };
    if let Some(name) = unset(&[criteria.webhook.as_ref()]) {
        return Err(missing("the webhook".to_owned(), name));
    }
    for (probe, settings) in &criteria.probes {
        let (ProbeSource::Http {
            url, authorization, ..
        }
        | ProbeSource::Prometheus {
            url, authorization, ..
        }) = &settings.source
        else {
            continue;
        };
        if let Some(name) = unset(&[Some(url), authorization.as_ref()]) {
            return Err(missing(format!("the probe `{probe}`"), name));
        }
    }
    Ok(())
}

fn missing(by: String, name: String) -> WatchError {
    WatchError::Variable { by, name }
}
