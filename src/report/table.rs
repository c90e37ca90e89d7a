//! Rows in columns. For a person on a terminal they have heads and colours and fit its width; in a pipe they are only
//! aligned.

use unicode_width::UnicodeWidthStr;

use super::text::cut;
use crate::domain::Status;

/// What a text is printed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paper {
    /// Columns of the terminal; any number in a pipe.
    pub width: usize,
    /// A person reads it: columns have heads.
    pub heads: bool,
    pub colours: bool,
}

impl Paper {
    /// A pipe or a file.
    pub const PIPE: Self = Self { width: usize::MAX, heads: false, colours: false };

    /// The text in its colour, where there are any.
    pub fn ink(self, tone: Tone, text: &str) -> String {
        match tone.sgr().filter(|_| self.colours && !text.trim().is_empty()) {
            Some(sgr) => format!("\x1b[{sgr}m{text}\x1b[0m"),
            None => text.to_owned(),
        }
    }
}

/// What a text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    /// What is read first.
    Strong,
    /// Secondary.
    Quiet,
    Status(Status),
}

impl Tone {
    /// The attributes, of the terminal's own sixteen colours.
    fn sgr(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Quiet => Some("2"),
            Self::Status(status) => Some(match status {
                Status::Queued | Status::Cancelled => "2",
                Status::Uploading | Status::Running | Status::Downloading => "35",
                Status::Waiting => "33",
                Status::Done => "32",
                Status::Failed | Status::Lost => "31",
            }),
        }
    }
}

/// A text in a column.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
}

/// A text and what it means.
pub fn cell(text: impl Into<String>, tone: Tone) -> Cell {
    Cell { text: text.into(), tone }
}

/// A column: its head, and whether its texts are numbers, which end beneath each other.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub head: &'static str,
    pub right: bool,
    /// Most columns of its texts; longer ones are cut.
    pub most: usize,
}

impl Column {
    pub const fn left(head: &'static str) -> Self {
        Self { head, right: false, most: usize::MAX }
    }

    pub const fn right(head: &'static str) -> Self {
        Self { head, right: true, most: usize::MAX }
    }

    pub const fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

/// Rows beneath the heads of their columns; nothing without rows. The last column takes what is left of the line.
pub fn table<const N: usize>(columns: [Column; N], rows: &[[Cell; N]], paper: Paper) -> String {
    let widths: [usize; N] = std::array::from_fn(|at| {
        let texts = rows.iter().map(|row| row[at].text.width().min(columns[at].most));
        let head = if paper.heads { columns[at].head.width() } else { 0 };
        texts.chain([head]).max().unwrap_or(0)
    });
    let mut text = String::new();
    if paper.heads && !rows.is_empty() {
        let heads = columns.map(|column| cell(column.head, Tone::Quiet));
        text.push_str(&line(&columns, &heads, &widths, paper));
    }
    for row in rows {
        text.push_str(&line(&columns, row, &widths, paper));
    }
    text
}

fn line<const N: usize>(columns: &[Column; N], row: &[Cell; N], widths: &[usize; N], paper: Paper) -> String {
    let (mut line, mut used) = (String::new(), 0);
    for (at, Cell { text, tone }) in row.iter().enumerate() {
        // What no row has needs no room.
        if widths[at] == 0 {
            continue;
        }
        let gap = if used > 0 { 2 } else { 0 };
        let left = paper.width.saturating_sub(used + gap);
        let text = cut(text, widths[at].min(left));
        let blank = " ".repeat(widths[at].min(left) - text.width());
        let inked = paper.ink(*tone, &text);
        line.push_str(&" ".repeat(gap));
        line.push_str(&if columns[at].right { format!("{blank}{inked}") } else { format!("{inked}{blank}") });
        used += gap + widths[at];
    }
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] =
        [Column::right("RUN"), Column::left("FROM").at_most(6), Column::left("WHAT")];

    fn rows() -> [[Cell; 3]; 2] {
        [
            [
                cell("7", Tone::Strong),
                cell("猫", Tone::Plain),
                cell("a long text of many words", Tone::Quiet),
            ],
            [
                cell("4711", Tone::Strong),
                cell("flamingo", Tone::Plain),
                cell("x", Tone::Status(Status::Failed)),
            ],
        ]
    }

    #[test]
    fn in_a_pipe_rows_are_aligned_and_nothing_else() {
        assert_eq!(
            table(COLUMNS, &rows(), Paper::PIPE),
            "   7  猫      a long text of many words\n4711  flami…  x\n"
        );
    }

    #[test]
    fn on_a_terminal_they_have_heads_and_colours_and_fit() {
        let paper = Paper { width: 24, heads: true, colours: false };
        let plain = table(COLUMNS, &rows(), paper);
        assert_eq!(plain, " RUN  FROM    WHAT\n   7  猫      a long te…\n4711  flami…  x\n");
        let inked = table(COLUMNS, &rows(), Paper { colours: true, ..paper });
        assert!(inked.contains("\x1b[1m7\x1b[0m") && inked.contains("\x1b[31mx\x1b[0m"), "{inked:?}");
        assert_eq!(crate::wire::ansi::scrub_block(&inked), plain);
        // However narrow it is.
        for width in 0..24 {
            for line in table(COLUMNS, &rows(), Paper { width, ..paper }).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }
}
