//! The grammar of prompts: what people write into a text that ComfyUI's text encoders read.
//!
//! A prompt is tokens that put together again are the text, byte for byte. Parentheses count as ComfyUI counts them
//! (`comfy/sd1_clip.py`): `(text:1.2)` weighs exactly 1.2 wherever it stands, `(text)` 1.1 times what is around it, `\(`
//! is a parenthesis of the text, and behind one that is never closed nothing weighs.

mod expand;
mod lex;
mod template;
mod tree;
mod weigh;
mod words;

pub use expand::{ExpandError, NoWildcards, Wildcards, expand, is_template};
pub use lex::{Kind, Token};
pub use template::{TemplateError, Templates, resolve};
pub use tree::{Alternative, Choice, Count, Prompt};
pub use weigh::{Refusal, Weighing};
pub use words::{cluster_after, cluster_before, word_after, word_before};

#[cfg(test)]
mod tests;
