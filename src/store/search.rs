//! Turns the text of a search box into an FTS5 query that is valid whatever was typed.

/// An FTS5 query for all words of a text, the last one as a prefix. `None` when the text has no
/// word, which means no filter.
///
/// Each word is quoted, so that FTS5's operators and column names have no effect. A word of CJK characters
/// becomes a phrase (see [`spread`]).
pub(super) fn fts_query(typed: &str) -> Option<String> {
    let is_word = |c: char| !c.is_control();
    let mut query = String::new();
    for word in typed.split(|c: char| c.is_whitespace() || !is_word(c)) {
        if word.chars().any(char::is_alphanumeric) {
            query.push_str(&format!("\"{}\" ", spread(word).replace('"', "\"\"")));
        }
    }
    let words = query.trim_end();
    let whole = typed.ends_with(char::is_whitespace);
    (!words.is_empty()).then(|| if whole { words.to_owned() } else { format!("{words}*") })
}

/// Puts blanks around each Chinese, Japanese and Korean character. These languages have no blanks between words, so
/// FTS5 would index a whole sentence as one word and only find its beginning. Spreading both the indexed text and the
/// query finds any part of it.
pub(super) fn spread(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_ascii() || !text.chars().any(stands_alone) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() * 4 / 3);
    let mut before = None;
    for c in text.chars() {
        let parts = stands_alone(c) || (before.is_some_and(stands_alone) && c.is_alphanumeric());
        if parts && !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
        out.push(c);
        before = Some(c);
    }
    out.into()
}

/// Han, kana, bopomofo and hangul; combining marks stay with the character before them.
fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{309d}'..='\u{309f}'
        | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{312f}' | '\u{3131}'..='\u{318e}' | '\u{31a0}'..='\u{31bf}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_and_the_last_is_a_beginning() {
        let table = [
            ("", None),
            (" -- \" ", None),
            ("cat", Some("\"cat\"*")),
            ("cat ", Some("\"cat\"")),
            ("a OR b", Some("\"a\" \"OR\" \"b\"*")),
            ("prompt:\"x", Some("\"prompt:\"\"x\"*")),
            ("6-inputs-text", Some("\"6-inputs-text\"*")),
            ("a\0b", Some("\"a\" \"b\"*")),
            ("cat 赤い猫", Some("\"cat\" \"赤 い 猫\"*")),
            ("1girl猫x", Some("\"1girl 猫 x\"*")),
        ];
        for (typed, query) in table {
            assert_eq!(fts_query(typed).as_deref(), query, "{typed:?}");
        }
    }
}
