//! Outputs of a run: results decoded, links downloaded, files named and written.

pub(super) mod collect;
pub(super) mod download;
pub mod names;
pub mod outputs;
pub(super) mod writer;
