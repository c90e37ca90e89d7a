//! The grammar of prompts, as ComfyUI's text encoders read them.
//!
//! The tokens of a prompt together are its text, byte for byte. Parentheses count as in ComfyUI
//! (`comfy/sd1_clip.py`): `(text:1.2)` has weight 1.2 at any depth, `(text)` 1.1 times the weight around it, `\(` is
//! a literal parenthesis, and after an unclosed one no weights apply.

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
