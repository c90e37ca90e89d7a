//! Ground that does not hold: full and read-only disks, file systems that lack something, watches that never tell, damaged
//! files. Each fault is made to happen for real to the real program.

#[path = "../cli/support.rs"]
#[allow(dead_code)] // shared with the tests of the command line, which use all of it
mod support;

mod accounts;
mod folder_gone;
mod history;
#[path = "../support/mount.rs"]
mod mount;
mod network;
mod odd_disks;
mod outputs;
mod shim;
mod waking;
