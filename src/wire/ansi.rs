//! Terminal escape sequences in text from servers: removed, except colours, which are parsed.

/// Longest line that [`scrub_into`] lets through, in bytes; the rest of a longer one is cut with a `…`.
pub const MAX_LINE: usize = 16 * 1024;

const CUT: char = '…';
const ESC: char = '\u{1b}';

/// A log's text made harmless, appended to `out`: every escape sequence and control character is dropped except
/// colours (`ESC[…m`), `\n` and `\t`. Characters that only reorder or hide text go too. A line is at most
/// [`MAX_LINE`] bytes long.
pub fn scrub_into(text: &str, out: &mut String) {
    clean(text, Keep { colours: true, breaks: true }, out);
}

/// One line of plain text for names, titles and short errors: no escape, no control character; line ends
/// and tabs become spaces.
pub fn scrub_plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    clean(text, Keep { colours: false, breaks: false }, &mut out);
    out
}

/// Plain text of several lines, for details of errors: as [`scrub_into`], without colours.
pub fn scrub_block(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    clean(text, Keep { colours: false, breaks: true }, &mut out);
    out
}

#[derive(Clone, Copy)]
struct Keep {
    colours: bool,
    breaks: bool,
}

fn clean(text: &str, keep: Keep, out: &mut String) {
    let mut line = Line { start: out.len(), cut_at: None, full: false };
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.bytes().position(|b| !(0x20..0x7f).contains(&b)).unwrap_or(rest.len());
        if plain > 0 {
            line.push(out, &rest[..plain]);
            rest = &rest[plain..];
            continue;
        }
        let Some(first) = rest.chars().next() else { break };
        let width = first.len_utf8();
        match first {
            '\n' if keep.breaks => {
                out.push('\n');
                line = Line { start: out.len(), cut_at: None, full: false };
            }
            '\t' if keep.breaks => line.push(out, "\t"),
            '\n' | '\t' | '\r' | '\u{2028}' | '\u{2029}' if !keep.breaks => line.push(out, " "),
            ESC | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}' => {
                let length = sequence(rest);
                let sequence = &rest[..length];
                if keep.colours && sgr_body(sequence).is_some() {
                    line.push_whole(out, sequence);
                }
                rest = &rest[length..];
                continue;
            }
            _ if first.is_control() || is_invisible(first) => {}
            _ => line.push_whole(out, &rest[..width]),
        }
        rest = &rest[width..];
    }
}

/// The unfinished last line of the output.
struct Line {
    start: usize,
    /// Byte offset in the output at which to cut the line if it grows longer than [`MAX_LINE`].
    cut_at: Option<usize>,
    full: bool,
}

impl Line {
    /// Adds text that may be cut at any character.
    fn push(&mut self, out: &mut String, text: &str) {
        let soft = MAX_LINE - CUT.len_utf8();
        let used = out.len() - self.start;
        if self.full || used + text.len() <= soft {
            return self.push_whole(out, text);
        }
        let mut room = soft.saturating_sub(used);
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        if room > 0 {
            self.push_whole(out, &text[..room]);
        }
        self.push_whole(out, &text[room..]);
    }

    /// Adds text that is kept whole or cut whole.
    fn push_whole(&mut self, out: &mut String, text: &str) {
        if self.full {
            return;
        }
        let end = out.len() - self.start + text.len();
        if end > MAX_LINE - CUT.len_utf8() && self.cut_at.is_none() {
            self.cut_at = Some(out.len());
        }
        if end > MAX_LINE {
            out.truncate(self.cut_at.unwrap_or(out.len()));
            out.push(CUT);
            self.full = true;
        } else {
            out.push_str(text);
        }
    }
}

/// Bidirectional controls, zero-width characters and the like, which reorder or hide the text around them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Bytes of the escape sequence at the beginning of the text, at least its first character. One without an
/// end goes on to the end of its line.
fn sequence(text: &str) -> usize {
    let mut chars = text.char_indices();
    let introducer = match chars.next() {
        Some((_, ESC)) => match chars.clone().next() {
            Some((_, c @ ('[' | ']' | 'P' | 'X' | '^' | '_'))) => {
                chars.next();
                c
            }
            Some((_, ' '..='/')) => return intermediate(text),
            Some((at, '0'..='~')) => return at + 1,
            _ => return ESC.len_utf8(),
        },
        Some((_, '\u{9b}')) => '[',
        _ => ']',
    };
    let body = chars.as_str();
    let before = text.len() - body.len();
    before + if introducer == '[' { control(body) } else { string(body) }
}

/// Bytes of `ESC`, intermediates and a final byte.
fn intermediate(text: &str) -> usize {
    let end = text[1..].find(|c| !matches!(c, ' '..='/')).map_or(text.len(), |at| at + 1);
    match text[end..].chars().next() {
        Some('0'..='~') => end + 1,
        _ => end,
    }
}

/// Bytes of a control sequence after its introducer.
fn control(body: &str) -> usize {
    let end = body.find(|c| !matches!(c, ' '..='?')).unwrap_or(body.len());
    match body[end..].chars().next() {
        Some('@'..='~') => end + 1,
        _ => end,
    }
}

/// Bytes of a control string (window title, link, image, …) after its introducer, its end included.
fn string(body: &str) -> usize {
    let is_end = |c| matches!(c, '\u{7}' | '\u{9c}' | ESC | '\u{18}' | '\u{1a}' | '\n');
    let Some(end) = body.find(is_end) else { return body.len() };
    match body[end..].chars().next() {
        Some('\n') | None => end,
        Some(ESC) if body[end + 1..].starts_with('\\') => end + 2,
        // A new escape sequence ends this one and is parsed on its own.
        Some(ESC) => end,
        Some(c) => end + c.len_utf8(),
    }
}

/// The parameters of a colour sequence, `ESC[…m`; `None` for every other sequence.
fn sgr_body(sequence: &str) -> Option<&str> {
    let body = sequence.strip_prefix("\u{1b}[")?.strip_suffix('m')?;
    let is_sgr = body.len() <= 64 && body.bytes().all(|b| matches!(b, b'0'..=b'9' | b';' | b':'));
    is_sgr.then_some(body)
}

/// A colour as a log names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Color {
    /// One of the terminal's 256; the first 16 are its theme's.
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// Colours and attributes of a piece of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sgr {
    /// Colour of the text; `None` is the terminal's own.
    pub fg: Option<Color>,
    /// Colour behind the text; `None` is the terminal's own.
    pub bg: Option<Color>,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    /// Foreground and background swapped.
    pub reverse: bool,
}

/// Splits a scrubbed line into pieces of the same look. No colour carries over from an earlier line.
pub fn spans(text: &str) -> Spans<'_> {
    Spans { rest: text, sgr: Sgr::default() }
}

/// The iterator that [`spans`] returns.
#[derive(Clone, Debug)]
pub struct Spans<'a> {
    rest: &'a str,
    sgr: Sgr,
}

impl<'a> Iterator for Spans<'a> {
    type Item = (Sgr, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        while self.rest.starts_with(ESC) {
            let (sequence, rest) = self.rest.split_at(sequence(self.rest));
            if let Some(body) = sgr_body(sequence) {
                self.sgr.apply(body);
            }
            self.rest = rest;
        }
        let end = self.rest.find(ESC).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!text.is_empty()).then_some((self.sgr, text))
    }
}

impl Sgr {
    /// Applies the parameters of one `ESC[…m` sequence.
    fn apply(&mut self, body: &str) {
        let mut params = body.split(';');
        while let Some(param) = params.next() {
            let mut parts = param.split(':');
            let code = parts.next().unwrap_or_default();
            match code.parse::<u16>().unwrap_or(0) {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = parts.next() != Some("0"),
                7 => self.reverse = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                27 => self.reverse = false,
                c @ 30..=37 => self.fg = indexed(c - 30),
                c @ 40..=47 => self.bg = indexed(c - 40),
                c @ 90..=97 => self.fg = indexed(c - 82),
                c @ 100..=107 => self.bg = indexed(c - 92),
                39 => self.fg = None,
                49 => self.bg = None,
                c @ (38 | 48) => {
                    let colour = if param.contains(':') {
                        let parts: Vec<&str> = parts.collect();
                        extended_in_one(&parts)
                    } else {
                        extended(&mut params)
                    };
                    if let Some(colour) = colour {
                        *(if c == 38 { &mut self.fg } else { &mut self.bg }) = Some(colour);
                    }
                }
                _ => {}
            }
        }
    }
}

fn indexed(code: u16) -> Option<Color> {
    u8::try_from(code).ok().map(Color::Indexed)
}

/// `38;5;n` and `38;2;r;g;b`, after the `38`.
fn extended<'a>(params: &mut impl Iterator<Item = &'a str>) -> Option<Color> {
    let mut next = || params.next()?.parse::<u8>().ok();
    match next()? {
        5 => next().map(Color::Indexed),
        2 => Some(Color::Rgb(next()?, next()?, next()?)),
        _ => None,
    }
}

/// `38:5:n`, `38:2:r:g:b` and `38:2:<space>:r:g:b`, after the `38`.
fn extended_in_one(parts: &[&str]) -> Option<Color> {
    let number = |text: &&str| text.parse::<u8>().ok();
    match parts {
        ["5", n] => number(n).map(Color::Indexed),
        ["2", r, g, b] | ["2", _, r, g, b, ..] => Some(Color::Rgb(number(r)?, number(g)?, number(b)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn scrub(text: &str) -> String {
        let mut out = String::new();
        scrub_into(text, &mut out);
        out
    }

    use super::*;

    #[test]
    fn only_colours_pass_the_door() {
        let table = [
            ("plain text, ünïcödé █▌ 猫", "plain text, ünïcödé █▌ 猫"),
            ("\u{1b}[1;31mred\u{1b}[0m\tend\n", "\u{1b}[1;31mred\u{1b}[0m\tend\n"),
            ("\u{1b}[38:2::1:2:3mx", "\u{1b}[38:2::1:2:3mx"),
            ("a\u{1b}[2J\u{1b}[Hb", "ab"),
            ("a\u{1b}[?1049hb", "ab"),
            ("a\u{1b}[>4;1mb", "ab"),
            ("\u{1b}]0;title\u{7}a", "a"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]52;c;cm0gLXJm", ""),
            ("\u{1b}]0;no end\nnext", "\nnext"),
            ("\u{1b}P1$r\u{1b}[31mx\u{1b}\\y", "\u{1b}[31mxy"),
            ("\u{1b}_Gf=100;AAAA\u{1b}\\z", "z"),
            ("\u{1b}(B\u{1b}c\u{1b}=ok", "ok"),
            ("\u{9b}31mx\u{9d}0;t\u{9c}y", "xy"),
            ("a\rb\u{8}\u{0}\u{7f}c", "abc"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("\u{1b}[31", ""),
            ("\u{1b}\u{1b}[31mx", "\u{1b}[31mx"),
            ("evil\u{202e}gpj.exe\u{2066}\u{feff}", "evilgpj.exe"),
        ];
        for (hostile, harmless) in table {
            assert_eq!(scrub(hostile), harmless, "{hostile:?}");
        }
        assert_eq!(scrub_plain("a\u{1b}[31mb\r\nc\td"), "ab  c d");
        assert_eq!(scrub_block("\u{1b}[31ma\nb"), "a\nb");
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_not() {
        let text = format!("{}\nshort", "é".repeat(MAX_LINE));
        let clean = scrub(&text);
        let (first, second) = clean.split_once('\n').expect("two lines");
        assert!(first.len() <= MAX_LINE && first.ends_with('…') && first.starts_with('é'));
        assert_eq!(second, "short");
        let fits = "x".repeat(MAX_LINE);
        assert_eq!(scrub(&fits), fits);
        assert_eq!(scrub(&format!("{fits}y")).len(), MAX_LINE);
    }

    #[test]
    fn spans_carry_their_look() {
        let red = Sgr { fg: Some(Color::Indexed(1)), ..Sgr::default() };
        let table: [(&str, Vec<(Sgr, &str)>); 5] = [
            ("", vec![]),
            ("\u{1b}[31mred\u{1b}[m plain", vec![(red, "red"), (Sgr::default(), " plain")]),
            ("\u{1b}[1m\u{1b}[31mx", vec![(Sgr { bold: true, ..red }, "x")]),
            (
                "\u{1b}[38;5;208;48;2;1;2;3mx",
                vec![(
                    Sgr { fg: Some(Color::Indexed(208)), bg: Some(Color::Rgb(1, 2, 3)), ..Sgr::default() },
                    "x",
                )],
            ),
            (
                "\u{1b}[92;4mx\u{1b}[24;39my",
                vec![
                    (Sgr { fg: Some(Color::Indexed(10)), underline: true, ..Sgr::default() }, "x"),
                    (Sgr::default(), "y"),
                ],
            ),
        ];
        for (text, expected) in table {
            assert_eq!(spans(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_scrubbed_is_harmless_and_stays_so(text in "[\u{0}-\u{ff}\u{1b}\\[\\];m0-9A-Z\n]{0,200}") {
            let clean = scrub(&text);
            prop_assert_eq!(scrub(&clean), clean.clone());
            let shown: String = spans(&clean).map(|(_, text)| text).collect();
            prop_assert!(shown.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            prop_assert!(scrub_plain(&text).chars().all(|c| !c.is_control()));
        }
    }
}
