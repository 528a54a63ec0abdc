use std::net::TcpListener;

use anyhow::Context as _;

/// Finds a port on 127.0.0.1 that is free now. Somebody may take it before it is used: be ready to try another.
///
/// # Errors
/// When there is none.
pub fn free() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}
