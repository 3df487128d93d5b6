//! Free space on the store's file system.

use std::path::PathBuf;

/// Knows how much must stay free.
#[derive(Debug)]
pub(super) struct Space {
    pub(super) dir: PathBuf,
    pub(super) reserve_bytes: u64,
}

impl Space {
    /// True while more than the reserve is free. One cheap system call, so that the answer is never
    /// stale. When the file system does not say, writing will.
    pub(super) fn has_room(&self) -> bool {
        if self.reserve_bytes == 0 {
            return true;
        }
        match nix::sys::statvfs::statvfs(&self.dir) {
            Ok(fs) => {
                let free = fs.blocks_available().saturating_mul(fs.fragment_size());
                free > self.reserve_bytes
            }
            Err(error) => {
                tracing::warn!(%error, dir = %self.dir.display(), "free space is unknown");
                true
            }
        }
    }
}
