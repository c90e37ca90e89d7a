//! Codecs of the wire formats, without IO: bytes in, values out. Streaming ones accept input split anywhere.

pub mod ansi;
pub mod base64;
pub mod cloud;
pub mod comfyui;
pub mod errors;
mod json;
pub mod log;
pub mod metadata;
pub mod result;
pub mod share;
pub mod socketio;
pub mod sse;
pub mod tqdm;
pub mod v2;
