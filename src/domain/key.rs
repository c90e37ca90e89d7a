//! The flattened key of a parameter, by which the protocol, presets and people refer to it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Separator of node id and input name.
const SEPARATOR: &str = "-inputs-";

/// `<node id>-inputs-<input name>`, such as `6-inputs-text`.
///
/// Node ids may contain `:` (nodes of a subgraph) and input names may contain `-`, so the key is split at the first
/// `-inputs-`. Keys with a leading `_` are context written by the vendor's tool, and do not parse.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParamKey {
    text: String,
    node_len: usize,
}

impl ParamKey {
    pub fn new(node: &str, input: &str) -> Self {
        Self { text: format!("{node}{SEPARATOR}{input}"), node_len: node.len() }
    }

    /// Parses a flattened key; `None` when the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with('_') {
            return None;
        }
        let node_len = text.find(SEPARATOR)?;
        let has_both = node_len > 0 && text.len() > node_len + SEPARATOR.len();
        has_both.then(|| Self { text: text.to_owned(), node_len })
    }

    /// Node id in the workflow.
    pub fn node(&self) -> &str {
        &self.text[..self.node_len]
    }

    /// Input name within the node.
    pub fn input(&self) -> &str {
        &self.text[self.node_len + SEPARATOR.len()..]
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ParamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<ParamKey> for String {
    fn from(key: ParamKey) -> Self {
        key.text
    }
}

impl TryFrom<String> for ParamKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
            .ok_or_else(|| format!("`{text}` is not a parameter key (`<node id>-inputs-<input name>`)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_first_separator() {
        let table = [
            ("6-inputs-text", "6", "text"),
            ("12:3-inputs-a-b", "12:3", "a-b"),
            ("6-inputs-x-inputs-y", "6", "x-inputs-y"),
        ];
        for (text, node, input) in table {
            let key = ParamKey::parse(text).expect(text);
            assert_eq!((key.node(), key.input(), key.as_str()), (node, input, text));
            assert_eq!(ParamKey::new(node, input), key);
        }
    }

    #[test]
    fn refuses_what_is_not_a_parameter() {
        for text in ["", "6", "6-inputs-", "-inputs-text", "_6-inputs-text", "_6-node-class_type-info"] {
            assert_eq!(ParamKey::parse(text), None, "{text}");
        }
    }
}
