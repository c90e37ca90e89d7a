//! Guesses about an input from its name and value, without its wiring.

mod editor;

pub use editor::{is_decoration, is_editor_only};

/// Length in bytes from which an unknown text counts as long.
pub const LONG: usize = 100;

/// Texts that mean on and off.
pub const SWITCHES: [[&str; 2]; 5] =
    [["enable", "disable"], ["enabled", "disabled"], ["true", "false"], ["yes", "no"], ["on", "off"]];

/// Whether a text means on or off, so it is no prompt.
pub fn is_switch_word(text: &str) -> bool {
    SWITCHES.iter().flatten().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether an input of this name is a seed: `seed`, `noise_seed`, `rand_seed`.
pub fn is_seed_name(input: &str) -> bool {
    input.contains("seed")
}

/// Whether a text is a template's placeholder: `{{STEPS}}`.
pub fn is_placeholder(text: &str) -> bool {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|name| !name.trim().is_empty() && !name.contains(['{', '}', '\n']))
}

/// Whether a text is a placeholder or contains one in capitals, as in `a {{SUBJECT}} at dawn`. Double braces in other
/// texts are emphasis, or choices within choices.
pub fn has_placeholder(text: &str) -> bool {
    let is_name = |name: &str| {
        let is_letter = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(is_letter)
    };
    let mut parts = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    is_placeholder(text) || parts.any(|(name, _)| is_name(name.trim()))
}

/// Whether a text is JSON, base64 or the like. Checks the beginning of a long text.
pub fn is_data(text: &str) -> bool {
    const MOST: usize = 4_096;
    let text = text.trim();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    match (first, last) {
        (b'{', b'}') | (b'[', b']') if bytes.len() <= MOST => {
            serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        }
        (b'{', b'}') | (b'[', b']') => {
            let second = bytes[1..].iter().find(|byte| !byte.is_ascii_whitespace());
            second.is_some_and(|byte| b"{[\"0123456789-".contains(byte))
        }
        _ => {
            let encoded = |b: &u8| b.is_ascii_alphanumeric() || b"+/=-_:;,\r\n".contains(b);
            bytes.len() > LONG && bytes.iter().take(MOST).all(encoded)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_to_be_filled_in_is_told_from_emphasis_and_choices() {
        for (text, expected) in [
            ("{{STEPS}}", true),
            (" {{ prompt }} ", true),
            ("a {{SUBJECT}} at dawn, {{STYLE_2}}", true),
            ("{{masterpiece}}, a cat", false),
            ("{{red|blue}|green} cat", false),
            ("a {{cat", false),
            ("{{}}", false),
            ("{A}", false),
            ("", false),
        ] {
            assert_eq!(has_placeholder(text), expected, "{text}");
        }
    }
}
