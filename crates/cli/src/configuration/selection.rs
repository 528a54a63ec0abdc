//! Which rows copies hold, and what of them is masked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use tightrope_lifecycle::Selecting;
use tightrope_selection::{MaskKind, MaskName, Share};

use super::backup::hidden;
use super::secret::Secret;
use crate::errors::CommandError;
use crate::exit::Exit;

/// How much of a table: `"5 %"`, `"whole"` or `{ rows = 1000 }`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) struct ShareValue(pub(super) Share);

impl TryFrom<toml::Value> for ShareValue {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match &value {
            toml::Value::String(text) => Share::parse(text)
                .map(Self)
                .map_err(|error| error.to_string()),
            toml::Value::Table(table) => match (table.get("rows"), table.len()) {
                (Some(toml::Value::Integer(rows)), 1) => u64::try_from(*rows)
                    .map(|rows| Self(Share::Rows(rows)))
                    .map_err(|_| format!("{rows} is no number of rows")),
                _ => Err("a sample in a table is `{ rows = NUMBER }`".to_owned()),
            },
            _ => Err("a sample is `\"5 %\"`, `\"whole\"` or `{ rows = NUMBER }`".to_owned()),
        }
    }
}

/// A mask: its name, or `{ sql = "…" }`.
#[derive(Clone, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) struct MaskValue(MaskKind);

impl TryFrom<toml::Value> for MaskValue {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match &value {
            toml::Value::String(text) => MaskKind::parse(text)
                .map(Self)
                .map_err(|error| error.to_string()),
            toml::Value::Table(table) => match (table.get("sql"), table.len()) {
                (Some(toml::Value::String(sql)), 1) if !sql.trim().is_empty() => {
                    Ok(Self(MaskKind::Sql(sql.clone())))
                }
                _ => Err("a mask in a table is `{ sql = \"EXPRESSION\" }`".to_owned()),
            },
            _ => Err(
                "a mask is a name, as in `\"keep format\"`, or `{ sql = \"EXPRESSION\" }`"
                    .to_owned(),
            ),
        }
    }
}

/// The masks of a target; their key is asked for when it is needed.
pub(super) fn masks(
    masks: &BTreeMap<String, MaskValue>,
    key: Option<&Secret>,
    home: &Path,
) -> Result<Selecting, CommandError> {
    const WHOSE: &str = "the key of masks (`mask_key`)";
    if let Some(name) = masks.keys().find(|name| MaskName::parse(name).is_none()) {
        return Err(CommandError::new(
            Exit::Error,
            format!("the mask of `{name}` names no column of a table"),
        )
        .hint("write it as `\"table.column\"`, in quotes"));
    }
    if let Some(key) = key.filter(|key| key.is_written_down()) {
        hidden(key, home, WHOSE)?;
    }
    let (key, home) = (key.cloned(), home.to_owned());
    Ok(Selecting {
        masks: masks
            .iter()
            .map(|(name, mask)| (name.clone(), mask.0.clone()))
            .collect(),
        mask_key: key.map(|key| -> tightrope_lifecycle::SecretSource {
            Arc::new(move || hidden(&key, &home, WHOSE).map_err(|error| error.report().message))
        }),
        ..Selecting::default()
    })
}
