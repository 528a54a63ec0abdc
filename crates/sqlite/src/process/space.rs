use std::path::Path;

/// Bytes that this process can still write into a folder, if the system tells.
#[cfg(unix)]
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(folder).ok()?;
    about.f_bavail.checked_mul(about.f_frsize)
}

/// Bytes that this process can still write into a folder: not known here.
#[cfg(not(unix))]
pub(crate) fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// Whether files in both folders can share their blocks: both are on one file system, which is of a kind that can.
#[cfg(target_os = "linux")]
pub(crate) fn shares_blocks(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // XFS, btrfs, bcachefs (linux/magic.h and their own headers).
    const KINDS: [u64; 3] = [0x5846_5342, 0x9123_683E, 0xCA45_1A4E];
    let device = |folder: &Path| std::fs::metadata(folder).map(|about| about.dev()).ok();
    let is_one = device(one).is_some() && device(one) == device(other);
    // The kind is signed on some machines.
    let kind = |about: rustix::fs::StatFs| about.f_type as u64 & 0xFFFF_FFFF;
    is_one && rustix::fs::statfs(one).is_ok_and(|about| KINDS.contains(&kind(about)))
}

/// Whether files in both folders can share their blocks: not known here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn shares_blocks(_: &Path, _: &Path) -> bool {
    false
}
