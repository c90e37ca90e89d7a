//! What a file system supports.

use std::io;
use std::path::Path;

use rustix::io::Errno;

/// Whether an error means that the file system does not support an operation (locks, syncing folders, permissions,
/// links), rather than that it failed.
pub fn is_lacking(error: &io::Error) -> bool {
    let lacks = [Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP, Errno::NOLCK, Errno::INVAL, Errno::PERM];
    Errno::from_io_error(error).is_some_and(|errno| lacks.contains(&errno))
}

/// Ignores that the file system does not support an operation that is only a precaution.
///
/// # Errors
/// Any other error.
pub fn if_possible(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if is_lacking(&error) => Ok(()),
        done => done,
    }
}

/// Free bytes for this user on the disk of a folder; `None` where the system does not say.
pub fn free(folder: &Path) -> Option<u64> {
    rustix::fs::statvfs(folder).ok().map(|found| found.f_bavail.saturating_mul(found.f_frsize))
}

/// Whether a folder is on a network file system, where shared memory is not shared between machines.
pub fn is_remote(folder: &Path) -> bool {
    remote::is_remote(folder)
}

#[cfg(target_os = "linux")]
mod remote {
    use std::path::Path;

    /// `f_type` of FUSE, NFS, SMB and CIFS, Coda, AFS, Ceph, 9P, Lustre, GPFS and OCFS2, from statfs(2) and their sources.
    /// Behind FUSE are many network disks of rented machines (sshfs, MooseFS, JuiceFS, buckets); a local one loses only
    /// some speed.
    const KINDS: [i64; 13] = [
        0x6573_5546,
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x7375_7245,
        0x5346_414f,
        0x6b41_4653,
        0x00c3_6400,
        0x0102_1997,
        0x0bd0_0bd0,
        0x4750_4653,
        0x7461_636f,
    ];

    #[allow(clippy::unnecessary_cast)] // narrower on other machines
    pub(super) fn is_remote(folder: &Path) -> bool {
        rustix::fs::statfs(folder).is_ok_and(|found| is_kind(found.f_type as i64))
    }

    fn is_kind(kind: i64) -> bool {
        // On some machines a signed 32-bit number.
        KINDS.contains(&(kind & 0xffff_ffff))
    }

    #[test]
    fn disks_of_other_machines_are_known() {
        for kind in [0x6969, 0x6573_5546, i64::from(0xff53_4d42_u32.cast_signed())] {
            assert!(is_kind(kind), "{kind:x}");
        }
        // ext4, tmpfs
        assert!(!is_kind(0xef53) && !is_kind(0x0102_1994));
    }
}

#[cfg(target_vendor = "apple")]
mod remote {
    use std::path::Path;

    /// `MNT_LOCAL` of mount(2).
    const LOCAL: u32 = 0x1000;

    pub(super) fn is_remote(folder: &Path) -> bool {
        rustix::fs::statfs(folder).is_ok_and(|found| found.f_flags & LOCAL == 0)
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
mod remote {
    use std::path::Path;

    /// Unknown here: SQLite reports its trouble with shared memory itself.
    pub(super) fn is_remote(_: &Path) -> bool {
        false
    }
}
