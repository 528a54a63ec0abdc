use std::net::TcpListener;

use anyhow::Context as _;

/// A port on 127.0.0.1 that was free a moment ago. Somebody may take it before it is used: be ready to try another.
pub(crate) fn free() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}
