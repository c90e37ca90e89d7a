//! Frames painted into a terminal emulator show what was in the buffer, and cost few bytes.

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use super::*;

/// A painter with an emulated terminal behind it.
struct Screen {
    painter: Painter,
    parser: vt100::Parser,
}

impl Screen {
    fn new(width: u16, height: u16) -> Screen {
        Screen::with(Painter::new(ColorDepth::TrueColor, true), width, height)
    }

    fn with(painter: Painter, width: u16, height: u16) -> Screen {
        let mut parser = vt100::Parser::new(height, width, 0);
        // Whatever was there before.
        parser.process(b"\x1b[7;31mrubbish\x1b[K\r\nrubbish");
        Screen { painter, parser }
    }

    /// Paints and returns the bytes it took.
    fn paint(&mut self, buffer: &Buffer, cursor: Option<(u16, u16)>) -> String {
        let bytes = self.painter.paint(buffer, cursor.map(Position::from)).to_vec();
        self.parser.process(&bytes);
        let got = self.cells(buffer.area.width, buffer.area.height);
        for (n, (got, wanted)) in got.iter().zip(wanted(buffer)).enumerate() {
            let (x, y) = buffer.pos_of(n);
            assert_eq!(*got, wanted, "at {x},{y} after {:?}", String::from_utf8_lossy(&bytes));
        }
        let screen = self.parser.screen();
        assert_eq!(screen.hide_cursor(), cursor.is_none());
        if let Some((x, y)) = cursor {
            assert_eq!(screen.cursor_position(), (y, x), "after {:?}", String::from_utf8_lossy(&bytes));
        }
        String::from_utf8(bytes).unwrap()
    }

    fn cells(&self, width: u16, height: u16) -> Vec<String> {
        let cell = |x, y| {
            let cell = self.parser.screen().cell(y, x).unwrap();
            if cell.is_wide_continuation() {
                return "(tail)".to_owned();
            }
            let blank = matches!(cell.contents(), "" | " ");
            let text = if blank { " " } else { cell.contents() };
            let attributes = (cell.bold(), cell.dim(), cell.italic(), cell.underline(), cell.inverse());
            let (fg, bg) = (format!("{:?}", cell.fgcolor()), format!("{:?}", cell.bgcolor()));
            describe(text, attributes, &fg, &bg)
        };
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| cell(x, y)).collect()
    }
}

/// What of a cell can be seen.
fn describe(text: &str, attributes: (bool, bool, bool, bool, bool), fg: &str, bg: &str) -> String {
    let (.., underline, inverse) = attributes;
    if text == " " && !underline && !inverse {
        return format!("blank on {bg}");
    }
    format!("{text} {attributes:?} {fg} on {bg}")
}

fn wanted(buffer: &Buffer) -> Vec<String> {
    let color = |color: Color| {
        format!(
            "{:?}",
            match color {
                Color::Reset => vt100::Color::Default,
                Color::Red => vt100::Color::Idx(1),
                Color::LightBlue => vt100::Color::Idx(12),
                Color::Indexed(n) => vt100::Color::Idx(n),
                Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
                other => panic!("{other} isn't used here"),
            }
        )
    };
    let width = usize::from(buffer.area.width);
    let mut cells = Vec::new();
    for row in buffer.content.chunks(width.max(1)) {
        let mut x = 0;
        while x < width {
            let cell = &row[x];
            let has = |modifier| cell.modifier.contains(modifier);
            let attributes = (
                has(Modifier::BOLD),
                has(Modifier::DIM),
                has(Modifier::ITALIC),
                has(Modifier::UNDERLINED),
                has(Modifier::REVERSED),
            );
            let wide = unicode_width::UnicodeWidthStr::width(cell.symbol()) == 2;
            let text = if wide && x + 1 == width { " " } else { cell.symbol() };
            cells.push(describe(text, attributes, &color(cell.fg), &color(cell.bg)));
            if wide && x + 1 < width {
                cells.push("(tail)".to_owned());
                x += 1;
            }
            x += 1;
        }
    }
    cells
}

fn buffer(lines: &[&str]) -> Buffer {
    Buffer::with_lines(lines.iter().copied())
}

fn styles() -> impl Strategy<Value = Style> {
    let color = || {
        prop_oneof![
            4 => Just(Color::Reset),
            1 => Just(Color::Red),
            1 => Just(Color::LightBlue),
            1 => Just(Color::Indexed(200)),
            1 => Just(Color::Rgb(1, 20, 255)),
        ]
    };
    // The emulator can't show bold and dim at once.
    let modifier = prop_oneof![
        4 => Just(Modifier::empty()),
        1 => Just(Modifier::BOLD),
        1 => Just(Modifier::DIM),
        1 => Just(Modifier::ITALIC | Modifier::BOLD),
        1 => Just(Modifier::UNDERLINED),
        1 => Just(Modifier::REVERSED),
    ];
    (color(), color(), modifier).prop_map(|(fg, bg, modifier)| {
        Style::new().fg(fg).bg(bg).remove_modifier(Modifier::all()).add_modifier(modifier)
    })
}

/// Something written into a buffer: where, what, and how it looks.
type Stroke = (u16, u16, String, Style);

fn strokes() -> impl Strategy<Value = Vec<Stroke>> {
    let text = prop_oneof![
        3 => "[a-c ]{1,12}",
        2 => " {1,24}",
        1 => "[a ★─日本語]{1,6}",
        1 => "(e\u{301}|o|😀|가){1,4}",
    ];
    prop::collection::vec((0..24_u16, 0..8_u16, text, styles()), 0..12)
}

/// Five rows from here on move by so many, up or down.
fn shifts() -> impl Strategy<Value = (usize, usize, bool)> {
    (0..4_usize, prop_oneof![Just(0_usize), 0..3_usize], any::<bool>())
}

proptest! {
    #[test]
    fn any_frames_one_after_another_show_as_they_are(
        frames in prop::collection::vec(
            (prop::bool::weighted(0.6), shifts(), strokes(), prop::option::of((0..24_u16, 0..8_u16))), 1..6),
        bce in any::<bool>(),
    ) {
        let mut screen = Screen::with(Painter::new(ColorDepth::TrueColor, bce), 24, 8);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 24, 8));
        for (keep, (top, rows, up), strokes, cursor) in frames {
            if !keep {
                buffer.reset();
            }
            let band = &mut buffer.content[top * 24..(top + 5) * 24];
            if up { band.rotate_left(rows * 24) } else { band.rotate_right(rows * 24) }
            for (x, y, text, style) in strokes {
                buffer.set_string(x, y, text, style);
            }
            screen.paint(&buffer, cursor);
            prop_assert_eq!(screen.paint(&buffer, cursor), "");
        }
    }

    #[test]
    fn a_buffer_of_any_cells_writes_no_control_characters_but_its_own(symbols in prop::collection::vec(".{0,3}", 12)) {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 3));
        for (cell, symbol) in buffer.content.iter_mut().zip(&symbols) {
            cell.set_symbol(symbol);
        }
        let mut painter = Painter::new(ColorDepth::Ansi256, true);
        let text = String::from_utf8(painter.paint(&buffer, None).to_vec()).unwrap();
        for sequence in text.split('\x1b').skip(1) {
            prop_assert!(sequence.starts_with('['), "{:?}", text);
        }
        prop_assert!(!text.contains(|c: char| c.is_control() && !"\x1b\r\n\x08".contains(c)), "{:?}", text);
    }
}

#[test]
fn nothing_changed_nothing_written() {
    let mut screen = Screen::new(20, 3);
    let frame = buffer(&["hello               ", "                    ", "日本                "]);
    assert!(!screen.paint(&frame, Some((5, 0))).is_empty());
    assert_eq!(screen.paint(&frame, Some((5, 0))), "");
    assert_eq!(screen.paint(&frame, None), "\x1b[?25l");
    assert_eq!(screen.paint(&frame, None), "");
}

#[test]
fn a_typed_character_costs_a_byte() {
    let mut screen = Screen::new(80, 24);
    let mut frame = Buffer::empty(Rect::new(0, 0, 80, 24));
    frame.set_string(10, 5, "A flamingo", Style::new());
    screen.paint(&frame, Some((20, 5)));
    frame.set_string(20, 5, "s", Style::new());
    assert_eq!(screen.paint(&frame, Some((21, 5))), "s");
    // Backspace.
    frame.set_string(20, 5, " ", Style::new());
    assert_eq!(screen.paint(&frame, Some((20, 5))), "\x08 \x08");
    // In the middle of a word, in a style that isn't set, with the cursor elsewhere before.
    screen.paint(&frame, Some((0, 0)));
    frame.set_string(12, 5, "X", Style::new().fg(Color::Red));
    let bytes = screen.paint(&frame, Some((13, 5)));
    assert!(bytes.len() <= 13, "{bytes:?}");
}

#[test]
fn a_moved_selection_costs_its_two_rows() {
    for (style, most) in [
        (Style::new().add_modifier(Modifier::REVERSED), 2 * 20 + 16),
        // The bar's blanks are erased in the bar's colour, the others in none.
        (Style::new().bg(Color::Indexed(200)), 2 * 8 + 38),
    ] {
        let frame = |selected: u16| {
            let mut frame = Buffer::empty(Rect::new(0, 0, 20, 6));
            for row in 0..6 {
                frame.set_string(0, row, format!(" entry {row}"), Style::new());
            }
            frame.set_style(Rect::new(0, selected, 20, 1), style);
            frame
        };
        let mut screen = Screen::new(20, 6);
        screen.paint(&frame(2), None);
        let bytes = screen.paint(&frame(3), None);
        assert!(bytes.len() <= most, "{} bytes: {bytes:?}", bytes.len());
    }
}

#[test]
fn a_few_rows_are_drawn_in_the_shorter_order() {
    let names = ["prompt", "negative", "seed", "steps", "width", "height"];
    let list = |selected: usize| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 6));
        for (y, name) in names.iter().enumerate() {
            let style = Style::new();
            let style = if y == selected { style.add_modifier(Modifier::BOLD) } else { style };
            buffer.set_string(3, y as u16, name, style);
            buffer.set_string(
                1,
                y as u16,
                if y == selected { "▌" } else { " " },
                Style::new().fg(Color::Red),
            );
        }
        buffer
    };
    let mut screen = Screen::new(20, 6);
    screen.paint(&list(2), None);
    let down = screen.paint(&list(3), None);
    assert!(down.find("seed") < down.find("steps"), "{down:?}");
    // The cursor is behind the lower row.
    let up = screen.paint(&list(2), None);
    assert!(up.find("steps") < up.find("seed"), "{up:?}");
    // Now it is behind the upper one, and the lower one comes next.
    let up = screen.paint(&list(1), None);
    assert!(up.len().max(down.len()) <= 42, "{up:?} {down:?}");
}

#[test]
fn blank_tails_and_gaps_are_erased() {
    let mut screen = Screen::new(60, 2);
    let (full, edge) = ("x".repeat(60), format!("x{}x", " ".repeat(58)));
    screen.paint(&buffer(&[&full, &full]), None);
    let bytes = screen.paint(&buffer(&[&full, &" ".repeat(60)]), None);
    assert!(bytes.len() <= 5, "{bytes:?}");
    screen.paint(&buffer(&[&full, &full]), None);
    let bytes = screen.paint(&buffer(&[&edge, &full]), None);
    assert!(bytes.len() <= 11, "{bytes:?}");
}

#[test]
fn rows_that_move_together_are_moved_by_the_terminal() {
    let frame = |first: usize| {
        let mut frame = Buffer::empty(Rect::new(0, 0, 60, 16));
        frame.set_string(0, 0, "a title", Style::new().fg(Color::Red));
        for row in 0..10 {
            let text = format!("{} line of the log, loaded completely", (first + row) * 7919);
            frame.set_string(0, row as u16 + 3, text, Style::new());
        }
        frame.set_string(0, 14, "keys", Style::new().bg(Color::Red));
        frame
    };
    let mut screen = Screen::new(60, 16);
    screen.paint(&frame(100), Some((4, 14)));
    for (first, most) in [(101, 90), (104, 190), (102, 160), (101, 90)] {
        let bytes = screen.paint(&frame(first), Some((4, 14)));
        assert!(bytes.len() <= most, "{} bytes: {bytes:?}", bytes.len());
    }
    // Rows with a foreign picture are never scrolled.
    let mut picture = frame(100);
    picture[(50, 6)].set_diff_option(CellDiffOption::Skip);
    screen.painter.paint(&picture, None);
    let mut picture = frame(101);
    picture[(50, 6)].set_diff_option(CellDiffOption::Skip);
    let bytes = String::from_utf8(screen.painter.paint(&picture, None).to_vec()).unwrap();
    assert!(!bytes.contains("\x1b[r"), "{bytes:?}");
}

#[test]
fn rows_are_not_moved_where_a_picture_could_come_along() {
    let frame = |first: usize| {
        let rows: Vec<String> =
            (first..first + 8).map(|n| format!("{} a line of the log", n * 7919)).collect();
        buffer(&rows.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let mut screen = Screen::new(40, 8);
    screen.paint(&frame(1), None);
    assert!(screen.paint(&frame(2), None).contains("\x1b[r"));
    screen.painter.set_scrolls(false);
    assert!(!screen.paint(&frame(3), None).contains("\x1b[r"));
}

#[test]
fn a_terminal_of_ascii_gets_nothing_else_and_everything_in_its_place() {
    let mut painter = Painter::new(ColorDepth::Ansi16, true);
    painter.set_ascii(true);
    let mut frame = Buffer::empty(Rect::new(0, 0, 24, 2));
    frame.set_string(0, 0, "│ ✓ 猫犬 é ●…▀ end", Style::new());
    frame.set_string(0, 1, "a\u{2764}\u{fe0f}b", Style::new());
    let bytes = painter.paint(&frame, None).to_vec();
    assert!(bytes.is_ascii(), "{:?}", String::from_utf8_lossy(&bytes));
    let mut parser = vt100::Parser::new(2, 24, 0);
    parser.process(&bytes);
    assert_eq!(parser.screen().contents(), "| v ???? ? *.  end\na??b");
}

#[test]
fn a_sign_of_doubtful_width_costs_nothing_but_itself() {
    // Whatever width the emulator gives the emoji, the rest of the row is in its place.
    let mut painter = Painter::new(ColorDepth::Ansi16, true);
    let mut frame = Buffer::empty(Rect::new(0, 0, 12, 1));
    frame.set_string(0, 0, "a\u{2764}\u{fe0f}b👨\u{200d}👩\u{200d}👧cde", Style::new());
    let bytes = String::from_utf8(painter.paint(&frame, None).to_vec()).unwrap();
    assert!(bytes.contains("\u{2764}\u{fe0f}\x1b[4Gb"), "{bytes:?}");
    assert!(bytes.contains("👧\x1b[7Gcde"), "{bytes:?}");
}

#[test]
fn cells_of_others_are_left_alone() {
    let mut screen = Screen::new(6, 2);
    let mut frame = buffer(&["abcdef", ""]);
    screen.paint(&frame, None);
    for x in 2..4 {
        frame[(x, 0)].set_symbol("?").set_diff_option(CellDiffOption::Skip);
    }
    let bytes = screen.painter.paint(&frame, None).to_vec();
    assert_eq!(bytes, b"");
    // After being foreign, the cells' content is unknown.
    let frame = buffer(&["abcdef", ""]);
    assert!(screen.paint(&frame, None).ends_with("cd"));
}

#[test]
fn no_color_keeps_attributes() {
    let mut painter = Painter::new(ColorDepth::Mono, true);
    let mut frame = Buffer::empty(Rect::new(0, 0, 4, 1));
    frame.set_string(0, 0, "ab", Style::new().fg(Color::Red).bg(Color::Blue).add_modifier(Modifier::BOLD));
    let bytes = String::from_utf8(painter.paint(&frame, None).to_vec()).unwrap();
    assert!(bytes.contains("\x1b[1mab"), "{bytes:?}");
    assert!(!bytes.contains(";3") && !bytes.contains("[3"), "{bytes:?}");
}

#[test]
fn only_long_frames_are_marked_and_hide_the_cursor() {
    let mut screen = Screen::new(80, 24);
    let rows = |c: &str| (0..24).map(|_| c.repeat(80)).collect::<Vec<_>>();
    let frame = |c: &str| Buffer::with_lines(rows(c));
    screen.paint(&frame("a"), Some((3, 3)));
    assert!(!screen.paint(&frame("b"), Some((3, 3))).contains("2026"));
    screen.painter.set_sync(true);
    let bytes = screen.paint(&frame("c"), Some((3, 3)));
    assert!(bytes.starts_with("\x1b[?2026h\x1b[?25l"), "{bytes:?}");
    assert!(bytes.ends_with("\x1b[?25h\x1b[?2026l"), "{bytes:?}");
    let mut small = frame("c");
    small.set_string(0, 0, "d", Style::new());
    assert!(!screen.paint(&small, Some((3, 3))).contains("?"));
}

#[test]
fn sizes_change_and_may_be_nothing() {
    let mut screen = Screen::new(20, 5);
    screen.paint(&buffer(&["one", "two"]), Some((2, 1)));
    for (width, height) in [(1, 1), (0, 0), (20, 5), (1, 5), (20, 1)] {
        let mut frame = Buffer::empty(Rect::new(0, 0, width, height));
        if width > 0 {
            frame.set_string(0, 0, "日本語 text", Style::new());
        }
        screen.parser.screen_mut().set_size(height.max(1), width.max(1));
        screen.paint(&frame, None);
        screen.painter.invalidate();
        screen.paint(&frame, None);
    }
}
