//! Prompt weights as ComfyUI writes them: `(word:1.1)`.

use std::ops::Range;

/// Changes the weight of the word at the cursor, or of the selection, by `tenths` of 1.
///
/// `selection` counts bytes and lies on character borders; an empty one is a cursor, and means the
/// parentheses around it, else the word at it. A weight of 1 takes the parentheses away. Returns
/// the new text and the new selection; `None` when there is no word, or nothing would change.
pub fn adjust(text: &str, selection: Range<usize>, tenths: i32) -> Option<(String, Range<usize>)> {
    let inner = if selection.is_empty() {
        enclosing(text, selection.start).unwrap_or_else(|| word_at(text, selection.start))
    } else {
        trimmed(text, selection)
    };
    if inner.is_empty() {
        return None;
    }
    let weighted = Weighted::around(text, inner);
    let hundredths = (weighted.hundredths + tenths * 10).clamp(0, 1_000);
    if hundredths == weighted.hundredths {
        return None;
    }
    let words = &text[weighted.words.clone()];
    let (before, after) = (&text[..weighted.outer.start], &text[weighted.outer.end..]);
    if hundredths == 100 {
        let start = before.len();
        return Some((format!("{before}{words}{after}"), start..start + words.len()));
    }
    let start = before.len() + 1;
    let weight = shown(hundredths);
    Some((format!("{before}({words}:{weight}){after}"), start..start + words.len()))
}

/// Words, the parentheses and the weight around them if there are any, and that weight.
struct Weighted {
    words: Range<usize>,
    outer: Range<usize>,
    hundredths: i32,
}

impl Weighted {
    fn around(text: &str, inner: Range<usize>) -> Self {
        let plain = Self { words: inner.clone(), outer: inner.clone(), hundredths: 100 };
        // The selection may hold the weight itself, or even the parentheses.
        let inner = match (text[inner.clone()].strip_prefix('('), text[inner.clone()].ends_with(')')) {
            (Some(_), true) => inner.start + 1..inner.end - 1,
            _ => inner,
        };
        if !text[..inner.start].ends_with('(') {
            return plain;
        }
        let Some(close) = text[inner.start..].find(')').map(|at| inner.start + at) else {
            return plain;
        };
        let (words, hundredths) = match text[inner.start..close].rsplit_once(':') {
            Some((words, weight)) => match weight.trim().parse::<f64>() {
                Ok(weight) if weight.is_finite() && weight.abs() <= 10.0 => {
                    (words, (weight * 100.0).round() as i32)
                }
                _ => return plain,
            },
            // Bare parentheses weigh 1.1.
            None => (&text[inner.start..close], 110),
        };
        if words.len() < inner.len() && inner.end > close {
            return plain;
        }
        Self { words: inner.start..inner.start + words.len(), outer: inner.start - 1..close + 1, hundredths }
    }
}

fn shown(hundredths: i32) -> String {
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.strip_suffix('0').unwrap_or(&text).to_owned()
}

/// The inside of the innermost parentheses around a place, without a weight.
fn enclosing(text: &str, at: usize) -> Option<Range<usize>> {
    let mut depth = 0;
    let open = text[..at].char_indices().rev().find_map(|(i, c)| match c {
        ')' => {
            depth += 1;
            None
        }
        '(' if depth == 0 => Some(i),
        '(' => {
            depth -= 1;
            None
        }
        _ => None,
    })?;
    let close = open + text[open..].find(')')?;
    if close < at {
        return None;
    }
    let inside = &text[open + 1..close];
    let words = inside.rsplit_once(':').filter(|(_, w)| w.trim().parse::<f64>().is_ok());
    Some(open + 1..open + 1 + words.map_or(inside.len(), |(words, _)| words.len()))
}

fn word_at(text: &str, at: usize) -> Range<usize> {
    let is_border = |c: char| c.is_whitespace() || ".,\\/!?%^*;:{}=`~()[]<>\"'|".contains(c);
    let start =
        text[..at].rfind(is_border).map_or(0, |i| i + text[i..].chars().next().map_or(1, char::len_utf8));
    let end = text[at..].find(is_border).map_or(text.len(), |i| at + i);
    start..end
}

fn trimmed(text: &str, selection: Range<usize>) -> Range<usize> {
    let selected = &text[selection.clone()];
    let start = selection.start + selected.len() - selected.trim_start().len();
    start..(start + selected.trim().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` is the cursor, `[…]` the selection.
    fn adjusted(marked: &str, tenths: i32) -> Option<String> {
        let selection = match (marked.find('['), marked.find(']')) {
            (Some(start), Some(end)) => start..end - 1,
            _ => marked.find('|').map(|at| at..at).unwrap(),
        };
        let text: String = marked.chars().filter(|c| !"[]|".contains(*c)).collect();
        adjust(&text, selection, tenths).map(|(text, selection)| {
            format!("{}[{}]{}", &text[..selection.start], &text[selection.clone()], &text[selection.end..])
        })
    }

    #[test]
    fn weights_go_up_and_down() {
        for (marked, tenths, expected) in [
            ("a ca|t here", 1, "a ([cat]:1.1) here"),
            ("a ([cat]:1.1) here", 1, "a ([cat]:1.2) here"),
            ("a (ca|t:1.1) here", -1, "a [cat] here"),
            ("a (big ca|t) here", 1, "a ([big cat]:1.2) here"),
            ("a [big cat ]here", -1, "a ([big cat]:0.9) here"),
            ("a (cat:1.05) h|ere", 1, "a (cat:1.05) ([here]:1.1)"),
            ("a (c|at:1.05)", 1, "a ([cat]:1.15)"),
            ("猫|", 1, "([猫]:1.1)"),
            ("x-ray|", 1, "([x-ray]:1.1)"),
        ] {
            assert_eq!(adjusted(marked, tenths).as_deref(), Some(expected), "{marked}");
        }
    }

    #[test]
    fn no_word_no_weight() {
        assert_eq!(adjusted("a , | b", 1), None);
        assert_eq!(adjusted("|", 1), None);
        assert_eq!(adjusted("(cat|:0)", -1), None);
    }
}
