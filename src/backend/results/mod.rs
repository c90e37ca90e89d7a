//! What a run brings home: results decoded, links downloaded, outputs named and written.

pub(super) mod collect;
pub(super) mod download;
pub mod names;
pub mod outputs;
pub(super) mod writer;
