//! Characters for terminals that show nothing but ASCII: a locale without UTF-8, a serial line, a terminal of old.

/// The character in place of another one of the same width in columns. The blocks of a picture become blanks, which keep one
/// of their colours.
pub(super) fn of(c: char) -> char {
    match c {
        '\0'..='\x7f' => c,
        '─' | '━' | '═' | '–' | '—' | '−' | '╌' | '╸' => '-',
        '│' | '┃' | '▌' | '▏' | '▎' | '▍' | '▋' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╭' | '╮' | '╰' | '╯' => {
            '+'
        }
        '█' | '▉' | '▊' | '▓' => '#',
        '▒' | '░' => ':',
        '▀' | '▄' | '▐' | '▖'..='▟' | '\u{1fb00}'..='\u{1fb3b}' | '\u{a0}' => ' ',
        '•' | '●' | '★' | '▣' | '◆' => '*',
        '·' | '…' | '‸' => '.',
        '○' | '◦' | '☆' | '◌' => 'o',
        '✓' => 'v',
        '✗' | '×' | '⊘' => 'x',
        '›' | '»' | '▸' | '►' | '→' | '▶' => '>',
        '‹' | '«' | '◂' | '←' | '◀' => '<',
        '↑' | '▴' | '▲' => '^',
        '↓' | '▾' | '▼' => 'v',
        '⏎' => '<',
        '⟦' => '[',
        '⟧' => ']',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        '±' => '+',
        // Spinners.
        '\u{2800}'..='\u{28ff}' => '*',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_becomes_ascii_and_what_is_stays() {
        for c in "─│╭●✓✗…·▸▾▌█▀é猫⠋±".chars() {
            assert!(of(c).is_ascii(), "{c}");
        }
        assert!((' '..='~').all(|c| of(c) == c));
        assert_eq!("✓ seed → 24 … ▾".chars().map(of).collect::<String>(), "v seed > 24 . v");
    }
}
