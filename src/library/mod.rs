//! What a person opens: workflows with their forms, presets on disk, graphs in pictures and videos, what
//! servers say of their nodes.

pub mod convert;
pub mod import;
pub mod open;
pub mod presets;
pub mod saves;
pub mod schemas;
pub mod values;
pub mod wildcards;
