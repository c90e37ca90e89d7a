//! Runs and events as text: for people, and as JSON lines for programs. Pure: what is given becomes text.

pub mod human;
pub mod json;
pub mod text;
