//! Inputs of `update` besides the message: time and randomness.

use super::keymap::Keymap;
use crate::domain::run::UnixMs;

#[derive(Clone, Copy, Debug)]
pub struct Ctx<'a> {
    pub now: UnixMs,
    /// 64 random bits, fresh for each message.
    pub random: u64,
    pub keys: &'a Keymap,
}
