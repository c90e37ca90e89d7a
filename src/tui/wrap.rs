//! Text broken into lines at words.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A text without line breaks, wrapped at words; a word longer than a line is cut, a path behind the name of a folder.
pub fn wrap(line: &str, width: usize) -> Vec<&str> {
    wrapped(line, width).collect()
}

/// The same, one line after another, so that of a long text only what is needed is looked at.
pub fn wrapped(line: &str, width: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some((end, next)) = line_end(text, width.max(2)) else { return Some(text) };
        rest = Some(&text[next..]);
        Some(&text[..end])
    })
}

/// Where the first line of a text ends and the next one begins; `None` when one line holds it all. What is seen as one
/// character stays whole, even if it is wider than a line.
fn line_end(text: &str, width: usize) -> Option<(usize, usize)> {
    let (mut used, mut last_space, mut behind_folder) = (0, None, None);
    for (at, grapheme) in text.grapheme_indices(true) {
        let columns = grapheme.width();
        if used + columns > width && at > 0 {
            // The space at which a line breaks is not shown.
            return Some(match last_space {
                _ if grapheme == " " => (at, at + 1),
                Some(space) => (space, space + 1),
                None => behind_folder.map_or((at, at), |behind| (behind, behind)),
            });
        }
        if grapheme == " " {
            last_space = Some(at);
        }
        used += columns;
        // Not where that would leave most of the line empty.
        if grapheme == "/" && used * 2 >= width {
            behind_folder = Some(at + grapheme.len());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_wraps_at_words() {
        for (text, width, expected) in [
            ("", 5, vec![""]),
            ("one two three", 7, vec!["one two", "three"]),
            ("one two three", 8, vec!["one two", "three"]),
            ("abcdefgh", 3, vec!["abc", "def", "gh"]),
            ("猫と犬と鳥", 4, vec!["猫と", "犬と", "鳥"]),
            ("/home/ada/cat_01_.png", 16, vec!["/home/ada/", "cat_01_.png"]),
            ("/x/comfydeck_00001_.png", 12, vec!["/x/comfydeck", "_00001_.png"]),
            ("at /home/ada/cat_01_.png", 16, vec!["at", "/home/ada/", "cat_01_.png"]),
            ("a bcdefgh", 4, vec!["a", "bcde", "fgh"]),
            ("👩‍👩‍👧👩‍👩‍👧", 3, vec!["👩‍👩‍👧", "👩‍👩‍👧"]),
            ("e\u{301}e\u{301}e\u{301}", 2, vec!["e\u{301}e\u{301}", "e\u{301}"]),
        ] {
            assert_eq!(wrap(text, width), expected, "{text}");
        }
    }

    #[test]
    fn of_a_long_text_only_the_lines_that_are_needed_are_looked_at() {
        let text = "word ".repeat(1_000_000);
        let lines: Vec<&str> = wrapped(&text, 9).take(2).collect();
        assert_eq!(lines, ["word word", "word word"]);
        let end = lines[1].as_ptr() as usize + lines[1].len() - text.as_ptr() as usize;
        assert_eq!(end, 19);
    }
}
