use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::alive::ProcessId;

/// What the process that started a server leaves for the others of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerState {
    /// The server's first process.
    pub(super) server: ProcessId,
    /// Its port on 127.0.0.1.
    pub(super) port: u16,
}

impl ServerState {
    /// Reads the state in a server's folder; none if nothing whole is there.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join("state.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(self, folder: &Path) -> anyhow::Result<()> {
        let draft = folder.join("state.json.new");
        fs::write(&draft, serde_json::to_string(&self)?)
            .and_then(|()| fs::rename(&draft, folder.join("state.json")))
            .with_context(|| format!("writing the state of the server in {}", folder.display()))
    }
}
