//! Pictures on an emulated terminal, through the painter: the wanted picture is shown, and nothing else is left.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use ratatui::layout::Size;
use ratatui::style::Style;

use super::*;
use crate::picture::{Block, Cells, Picture, Strip};
use crate::tui::terminal::painter::ColorDepth;

const CURSOR: Option<Position> = Some(Position::new(7, 1));
const SCREEN: Size = Size { width: 40, height: 14 };

/// A terminal with pictures. A strip is seen as its first letter in each of its cells, so that text takes it away as
/// it does on a real one.
struct Glass {
    text: vt100::Parser,
    pending: Vec<u8>,
    /// Kitty's pictures: the file so far, and whether it is whole.
    files: BTreeMap<u32, (String, bool)>,
    loading: Option<u32>,
    /// Placed by the cursor: number, cells and layer.
    placed: BTreeMap<u32, (Rect, u32)>,
    /// Placed by characters: number and size.
    virtually: BTreeMap<u32, (u16, u16)>,
}

impl Glass {
    fn new(size: Size) -> Self {
        Self {
            text: vt100::Parser::new(size.height, size.width, 0),
            pending: Vec::new(),
            files: BTreeMap::new(),
            loading: None,
            placed: BTreeMap::new(),
            virtually: BTreeMap::new(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.pending);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let begins = |mark: &[u8]| memchr::memmem::find(rest, mark);
            let first = [&b"\x1b_G"[..], b"\x1bP", b"\x1b]1337"].into_iter().filter_map(begins).min();
            let Some(first) = first else {
                self.text.process(rest);
                return;
            };
            self.text.process(&rest[..first]);
            rest = &rest[first..];
            let (end, last) = match rest[1] {
                b']' => (memchr::memchr(7, rest), 1),
                // Within tmux's wrapping every ESC is double.
                b'P' if rest.starts_with(b"\x1bPtmux;") => (wrapped_end(rest), 2),
                _ => (memchr::memmem::find(rest, b"\x1b\\"), 2),
            };
            let end = end.expect("a whole sequence") + last;
            let sequence = &rest[..end];
            rest = &rest[end..];
            if let Some(inner) = sequence.strip_prefix(b"\x1bPtmux;") {
                let inner = String::from_utf8(inner[..inner.len() - 2].to_vec()).expect("text");
                self.kitty(&inner.replace("\x1b\x1b", "\x1b").into_bytes());
            } else if sequence.starts_with(b"\x1b_G") {
                self.kitty(sequence);
            } else {
                self.strip(sequence);
            }
        }
    }

    /// `ESC P q rows letter …`: a strip of the test.
    fn strip(&mut self, sequence: &[u8]) {
        let text = std::str::from_utf8(sequence).expect("text");
        let mut words = text.split(' ').skip(1);
        let (width, rows): (u16, u16) = (
            words.next().expect("a width").parse().expect("a number"),
            words.next().expect("rows").parse().expect("a number"),
        );
        let letter = words.next().expect("a letter");
        let (y, x) = self.text.screen().cursor_position();
        for row in 0..rows {
            let line = format!("\x1b[{};{}H{}", y + row + 1, x + 1, letter.repeat(width.into()));
            self.text.process(line.as_bytes());
        }
        self.text.process(format!("\x1b[{};{}H", y + 1, x + 1).as_bytes());
    }

    fn kitty(&mut self, sequence: &[u8]) {
        let text = std::str::from_utf8(sequence).expect("text");
        let text = text.strip_prefix("\x1b_G").and_then(|text| text.strip_suffix("\x1b\\")).expect("APC G");
        let (keys, data) = text.split_once(';').unwrap_or((text, ""));
        let key = |name: &str| keys.split(',').find_map(|key| key.strip_prefix(name)?.strip_prefix('='));
        assert_eq!(key("q"), Some("2"), "nothing is answered into somebody's shell: {keys}");
        let number = |name: &str| key(name).map(|n| n.parse::<u32>().expect("a number"));
        let id = number("i");
        match key("a") {
            Some("t") | None => {
                let id = if key("a").is_some() {
                    assert_eq!(self.loading, None, "one at a time");
                    let id = id.expect("a number");
                    self.files.insert(id, Default::default());
                    self.loading = Some(id);
                    id
                } else {
                    self.loading.expect("something is being sent")
                };
                assert!(data.len() <= 4096 && data.len() % 4 == 0, "{}", data.len());
                let file = self.files.get_mut(&id).expect("begun");
                file.0.push_str(data);
                if number("m") == Some(0) {
                    file.1 = true;
                    self.loading = None;
                }
            }
            Some("p") => {
                let id = id.expect("a number");
                assert!(self.files[&id].1, "a whole file is placed");
                let size = (number("c").expect("c") as u16, number("r").expect("r") as u16);
                if key("U") == Some("1") {
                    self.virtually.insert(id, size);
                } else {
                    let (y, x) = self.text.screen().cursor_position();
                    assert_eq!(key("C"), Some("1"), "the cursor stays");
                    let area = Rect::new(x, y, size.0, size.1);
                    self.placed.insert(id, (area, number("z").unwrap_or(0)));
                }
            }
            Some("d") => {
                assert_eq!(self.loading, None, "an unfinished file is ended first");
                let id = id.expect("a number");
                self.placed.remove(&id);
                if key("d") == Some("I") {
                    self.virtually.remove(&id);
                    self.files.remove(&id);
                }
            }
            other => panic!("{other:?}"),
        }
    }

    /// The received file of a picture.
    fn file(&self, id: u32) -> Vec<u8> {
        STANDARD.decode(&self.files[&id].0).expect("base64")
    }

    fn at(&self, x: u16, y: u16) -> String {
        let cell = self.text.screen().cell(y, x).expect("a cell");
        if cell.has_contents() { cell.contents().to_owned() } else { " ".to_owned() }
    }
}

fn wrapped_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (0x1b, 0x1b) => at += 2,
            (0x1b, b'\\') => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// How the pictures of a test are made.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Blocks,
    Kitty,
    Tmux,
    Strips,
}

/// A picture that can be told from others by its letter.
fn picture(way: Way, letter: char, width: u16, height: u16) -> Shared {
    let cells = Cells { width, height };
    let shade = letter as u8;
    let form = match way {
        Way::Blocks => Form::Blocks(vec![Block::half([shade; 3], [shade, 0, 0]); cells.count()]),
        Way::Kitty | Way::Tmux => Form::Kitty(vec![shade; 700]),
        Way::Strips => {
            let strip = |row: u16| {
                let rows = 2.min(height - row);
                let pad = "~".repeat(150);
                let bytes = format!("\x1bP1q {width} {rows} {letter} {pad}\x1b\\").into_bytes();
                Strip { row, rows, bytes }
            };
            Form::Strips((0..height).step_by(2).map(strip).collect())
        }
    };
    Arc::new(Picture { cells, form })
}

/// A screen, a painter and a picture layer.
struct Studio {
    way: Way,
    glass: Glass,
    painter: Painter,
    picture_layer: PictureLayer,
    size: Size,
    sent: usize,
}

impl Studio {
    fn new(way: Way) -> Self {
        Self {
            way,
            glass: Glass::new(SCREEN),
            painter: Painter::new(ColorDepth::TrueColor, true),
            picture_layer: PictureLayer::new(way == Way::Tmux, 3),
            size: SCREEN,
            sent: 0,
        }
    }

    /// The view: text around, the pictures' cells left to them, perhaps something over all.
    fn view(&self, wanted: &[Placement], over: Option<Rect>) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.size.width, self.size.height));
        for y in 0..self.size.height {
            buffer.set_string(0, y, format!("row {y} {}", ".".repeat(60)), Style::new());
        }
        let screen = buffer.area;
        let fits = |placement: &&Placement| screen.intersection(placement.area()) == placement.area();
        for placement in wanted.iter().filter(fits).filter(|placement| !placement.behind) {
            for at in placement.area().positions() {
                buffer[at].reset();
                buffer[at].set_diff_option(CellDiffOption::Skip);
            }
        }
        for at in over.unwrap_or_default().intersection(buffer.area).positions() {
            buffer[at].reset();
            buffer[at].set_char('#');
        }
        buffer
    }

    fn draw(&mut self, wanted: Option<&Placement>, over: Option<Rect>, room: usize) {
        self.draw_all(wanted.map(std::slice::from_ref).unwrap_or_default(), over, room);
    }

    fn draw_all(&mut self, wanted: &[Placement], over: Option<Rect>, room: usize) {
        let mut buffer = self.view(wanted, over);
        let first = self.picture_layer.prepare(wanted, &mut buffer, &self.painter, room);
        let frame = self.painter.paint(&buffer, CURSOR).to_vec();
        let (part, filled) = if room > 0 { self.picture_layer.parts(room) } else { Default::default() };
        let back = if filled.is_empty() { Vec::new() } else { self.painter.bring_back(CURSOR).to_vec() };
        filled.into_iter().for_each(|area| self.painter.give(area));
        for bytes in [first, frame, part, back] {
            self.sent += bytes.len();
            self.glass.feed(&bytes);
        }
    }

    /// Draws until nothing more comes.
    fn finish(&mut self, wanted: Option<&Placement>, over: Option<Rect>, room: usize) {
        self.finish_all(wanted.map(std::slice::from_ref).unwrap_or_default(), over, room);
    }

    fn finish_all(&mut self, wanted: &[Placement], over: Option<Rect>, room: usize) {
        self.draw_all(wanted, over, room);
        for _ in 0..2000 {
            if !self.picture_layer.unfinished() {
                return;
            }
            self.draw_all(wanted, over, room);
        }
        panic!("the picture is never finished");
    }

    fn resize(&mut self, size: Size) {
        self.size = size;
        self.glass.text.screen_mut().set_size(size.height, size.width);
    }

    fn assert_shows(&self, wanted: Option<(&Placement, char)>, over: Option<Rect>) {
        let wanted: Vec<_> =
            wanted.map(|(placement, letter)| (placement.clone(), letter)).into_iter().collect();
        self.assert_shows_all(&wanted, over);
    }

    /// Every cell is as it must be, once all is drawn.
    fn assert_shows_all(&self, wanted: &[(Placement, char)], over: Option<Rect>) {
        let screen = Rect::new(0, 0, self.size.width, self.size.height);
        let wanted: Vec<&(Placement, char)> = wanted
            .iter()
            .filter(|(placement, _)| screen.intersection(placement.area()) == placement.area())
            .collect();
        let placements: Vec<Placement> = wanted.iter().map(|(placement, _)| placement.clone()).collect();
        let view = self.view(&placements, over);
        let cursor = self.glass.text.screen().cursor_position();
        assert_eq!(CURSOR, Some(Position::new(cursor.1, cursor.0)), "the cursor is where it belongs");
        let is_covered = |area: Rect| area.positions().any(|at| !is_left(&view[at]));
        for at in screen.positions() {
            let got = self.glass.at(at.x, at.y);
            if !is_left(&view[at]) {
                assert_eq!(got, view[at].symbol(), "text at {at}");
                continue;
            }
            let here =
                wanted.iter().find(|(placement, _)| !placement.behind && placement.area().contains(at));
            let (placement, letter) = here.expect("a picture's cell");
            self.assert_cell(at, &got, placement.area(), *letter, is_covered(placement.area()));
        }
        if self.way == Way::Kitty || self.way == Way::Tmux {
            let of = |placement: &Placement| (placement.area().x, placement.area().y);
            let front = wanted.iter().filter(|(placement, _)| !placement.behind);
            let mut expected: Vec<(Rect, char)> = front
                .filter(|(placement, _)| self.way == Way::Kitty && !is_covered(placement.area()))
                .map(|(placement, letter)| (placement.area(), *letter))
                .collect();
            expected.sort_by_key(|(area, _)| (area.x, area.y));
            assert_eq!(self.seen(), expected, "placed pictures");
            let mut letters: Vec<char> = wanted.iter().map(|(_, letter)| *letter).collect();
            let mut there: Vec<char> = self.glass.files.keys().map(|id| self.letter(*id)).collect();
            letters.sort_unstable();
            there.sort_unstable();
            assert_eq!(there, letters, "pictures in the terminal");
            if self.way == Way::Tmux {
                let mut sizes: Vec<_> = wanted
                    .iter()
                    .map(|(placement, _)| (placement.area().width, placement.area().height))
                    .collect();
                let mut placed: Vec<_> = self.glass.virtually.values().copied().collect();
                sizes.sort_unstable();
                placed.sort_unstable();
                assert_eq!(placed, sizes, "{:?}", placements.iter().map(of).collect::<Vec<_>>());
            }
        }
    }

    /// The letter of a received picture.
    fn letter(&self, id: u32) -> char {
        let file = self.glass.file(id);
        assert_eq!(file, vec![file[0]; 700], "the picture is whole");
        char::from(file[0])
    }

    /// What is seen of pictures placed by the cursor: of several in one place the highest.
    fn seen(&self) -> Vec<(Rect, char)> {
        let mut top: BTreeMap<(u16, u16), (u32, Rect, u32)> = BTreeMap::new();
        for (id, (area, z)) in &self.glass.placed {
            let is_above = top.get(&(area.x, area.y)).is_none_or(|(highest, ..)| z > highest);
            if is_above {
                top.insert((area.x, area.y), (*z, *area, *id));
            }
        }
        let seen: Vec<(Rect, char)> =
            top.into_values().map(|(_, area, id)| (area, self.letter(id))).collect();
        for (id, (area, _)) in &self.glass.placed {
            let is_hidden = seen.iter().any(|(front, _)| front.intersection(*area) == *area);
            assert!(is_hidden, "nothing looks out from behind: {id} at {area}");
        }
        seen
    }

    fn assert_cell(&self, at: Position, got: &str, area: Rect, letter: char, covered: bool) {
        match self.way {
            Way::Blocks => {
                let cell = self.glass.text.screen().cell(at.y, at.x).expect("a cell");
                let shade = letter as u8;
                assert_eq!(cell.fgcolor(), vt100::Color::Rgb(shade, shade, shade), "at {at}");
                assert_eq!(cell.bgcolor(), vt100::Color::Rgb(shade, 0, 0), "at {at}");
            }
            Way::Kitty => assert_eq!(got, " ", "at {at}"),
            Way::Tmux => {
                let (row, column) = (at.y - area.y, at.x - area.x);
                if got != placeholder::symbol(row, column, false) {
                    assert_eq!(got, placeholder::symbol(row, column, true), "at {at}");
                    let left = self.glass.at(at.x.wrapping_sub(1), at.y);
                    assert!(
                        column > 0 && left.starts_with('\u{10eeee}'),
                        "it continues one: {left:?} at {at}"
                    );
                }
                let cell = self.glass.text.screen().cell(at.y, at.x).expect("a cell");
                let vt100::Color::Idx(id) = cell.fgcolor() else { panic!("no number at {at}") };
                assert_eq!(self.letter(u32::from(id)), letter, "at {at}");
            }
            Way::Strips if covered => {
                assert!(got == letter.to_string() || got == " ", "a strip at {at}: {got:?}");
            }
            Way::Strips => assert_eq!(got, letter.to_string(), "a strip at {at}"),
        }
    }
}

const WAYS: [Way; 4] = [Way::Blocks, Way::Kitty, Way::Tmux, Way::Strips];

fn placed(picture: &Shared, x: u16, y: u16) -> Placement {
    Placement::new(picture.clone(), Position::new(x, y))
}

#[test]
fn a_picture_comes_in_parts_and_then_costs_nothing() {
    for way in WAYS {
        let mut studio = Studio::new(way);
        let placement = placed(&picture(way, 'A', 12, 7), 5, 3);
        studio.draw(Some(&placement), None, 0);
        assert!(studio.picture_layer.unfinished(), "{way:?}: no room, no part");
        studio.finish(Some(&placement), None, 200);
        studio.assert_shows(Some((&placement, 'A')), None);
        let before = studio.sent;
        studio.draw(Some(&placement), None, 200);
        assert_eq!(studio.sent, before, "{way:?}");
        studio.finish(None, None, 200);
        studio.assert_shows(None, None);
    }
}

#[test]
fn parts_are_as_large_as_there_is_room() {
    for way in [Way::Kitty, Way::Tmux, Way::Strips] {
        let mut studio = Studio::new(way);
        let placement = placed(&picture(way, 'A', 12, 8), 5, 3);
        studio.draw(Some(&placement), None, 0);
        let mut parts = 0;
        while studio.picture_layer.unfinished() {
            let before = studio.sent;
            studio.draw(Some(&placement), None, 128);
            parts += 1;
            // A strip is as long as it is; placing by characters is text.
            if way != Way::Tmux {
                assert!(studio.sent - before < 300, "{way:?}: {}", studio.sent - before);
            }
        }
        assert!(parts >= 4, "{way:?}: {parts}");
    }
}

#[test]
fn one_that_is_no_longer_wanted_is_dropped_half_way() {
    for way in WAYS {
        let mut studio = Studio::new(way);
        let (first, second) =
            (placed(&picture(way, 'A', 12, 7), 5, 3), placed(&picture(way, 'B', 9, 5), 7, 2));
        for steps in 0..6 {
            for _ in 0..steps {
                studio.draw(Some(&first), None, 150);
            }
            studio.draw(None, None, 150);
            studio.finish(Some(&second), None, 150);
            studio.assert_shows(Some((&second, 'B')), None);
        }
    }
}

#[test]
fn what_is_covered_comes_back_and_only_what_was_covered() {
    for way in WAYS {
        let mut studio = Studio::new(way);
        let placement = placed(&picture(way, 'A', 20, 10), 5, 2);
        studio.finish(Some(&placement), None, 500);
        let whole = studio.sent;
        let over = Some(Rect::new(0, 4, 15, 2));
        studio.finish(Some(&placement), over, 500);
        studio.assert_shows(Some((&placement, 'A')), over);
        let before = studio.sent;
        studio.finish(Some(&placement), None, 500);
        studio.assert_shows(Some((&placement, 'A')), None);
        assert!(studio.sent - before < whole / 2, "{way:?}: {} of {whole}", studio.sent - before);
    }
}

#[test]
fn a_film_goes_from_frame_to_frame_with_no_gap() {
    for way in WAYS {
        let mut studio = Studio::new(way);
        for letter in ['A', 'B', 'C', 'D'] {
            let placement = placed(&picture(way, letter, 10, 6), 4, 4);
            let mut before_is_seen = letter != 'A';
            while before_is_seen {
                studio.draw(Some(&placement), None, 130);
                let seen = match way {
                    Way::Kitty => !studio.glass.placed.is_empty(),
                    _ => studio.glass.at(8, 8) != " ",
                };
                assert!(seen, "{way:?}: a gap before {letter}");
                before_is_seen = studio.picture_layer.unfinished();
            }
            studio.finish(Some(&placement), None, 130);
            studio.assert_shows(Some((&placement, letter)), None);
        }
    }
}

#[test]
fn leaving_takes_everything_away() {
    for way in [Way::Kitty, Way::Tmux] {
        for steps in 1..9 {
            let mut studio = Studio::new(way);
            let placement = placed(&picture(way, 'A', 12, 7), 5, 3);
            for _ in 0..steps {
                studio.draw(Some(&placement), None, 150);
            }
            let leaving = studio.picture_layer.leaving();
            studio.glass.feed(&leaving);
            assert!(studio.glass.files.is_empty() && studio.glass.placed.is_empty(), "{way:?} after {steps}");
        }
    }
}

#[test]
fn what_the_painter_has_to_know_of_pictures() {
    for (way, placeholders, strips) in [
        (Way::Tmux, true, false),
        (Way::Kitty, false, false),
        (Way::Strips, false, true),
        (Way::Blocks, false, false),
    ] {
        let mut studio = Studio::new(way);
        let wanted = placed(&picture(way, 'A', 6, 4), 3, 2);
        let knows = |studio: &Studio| {
            (studio.picture_layer.has_placeholders(), studio.picture_layer.has_drawn_strips())
        };
        assert_eq!(knows(&studio), (false, false), "{way:?}");
        studio.finish(Some(&wanted), None, 4096);
        assert_eq!(knows(&studio), (placeholders, strips), "{way:?}");
        // A strip may lie below what overwrote it, until the screen is cleared.
        studio.finish(None, None, 4096);
        assert_eq!(knows(&studio), (false, strips), "{way:?}");
        studio.resize(Size { width: 44, height: 15 });
        studio.finish(None, None, 4096);
        assert_eq!(knows(&studio), (false, false), "{way:?}");
    }
}

#[test]
fn an_image_passes_through_tmux_to_where_the_pane_is_and_not_at_all_where_that_is_unknown() {
    let strip = Strip { row: 1, rows: 2, bytes: b"\x1b]1337;File=inline=1:AAAA\x07".to_vec() };
    let form = Form::Strips(vec![strip]);
    let wanted = placed(&Arc::new(Picture { cells: Cells { width: 6, height: 4 }, form }), 3, 2);
    let mut layer = PictureLayer::new(true, 3);
    let painter = Painter::new(ColorDepth::TrueColor, true);
    let parts = |layer: &mut PictureLayer| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 14));
        for at in wanted.area().positions() {
            buffer[at].set_diff_option(CellDiffOption::Skip);
        }
        layer.prepare(std::slice::from_ref(&wanted), &mut buffer, &painter, 4096);
        String::from_utf8(layer.parts(4096).0).expect("text")
    };
    assert_eq!(parts(&mut layer), "");
    assert!(!layer.unfinished(), "nothing is waited for");
    layer.set_pane(Some(Position::new(60, 20)));
    // The pane's first cell, the picture's in it, the strip's in that.
    let wrapped = "\x1bPtmux;\x1b\x1b[24;64H\x1b\x1b]1337;File=inline=1:AAAA\x07\x1b\\";
    assert_eq!(parts(&mut layer), wrapped);
    assert!(layer.is_beneath_tmux());
}

#[test]
fn a_picture_is_taken_away_when_it_turns_out_to_be_in_tmux() {
    let mut studio = Studio::new(Way::Kitty);
    let wanted = placed(&picture(Way::Kitty, 'A', 6, 4), 3, 2);
    studio.finish(Some(&wanted), None, 4096);
    studio.picture_layer.set_tmux(true);
    studio.way = Way::Tmux;
    studio.finish(Some(&wanted), None, 4096);
    studio.assert_shows(Some((&wanted, 'A')), None);
}

#[test]
fn a_cell_that_is_left_to_nobody_is_blank() {
    let mut studio = Studio::new(Way::Strips);
    let mut buffer = studio.view(&[], None);
    buffer[(3, 3)].set_symbol("x").set_diff_option(CellDiffOption::Skip);
    studio.picture_layer.prepare(&[], &mut buffer, &studio.painter, 99);
    assert_eq!((buffer[(3, 3)].symbol(), buffer[(3, 3)].diff_option), (" ", CellDiffOption::None));
}

/// Two pictures of one size, the first of which is seen.
fn pair(way: Way, front: char, behind: char) -> [Placement; 2] {
    let placed = |letter| placed(&picture(way, letter, 12, 7), 5, 3);
    [placed(front), Placement { behind: true, ..placed(behind) }]
}

#[test]
fn flipping_between_two_pictures_costs_some_fifty_bytes_where_the_terminal_keeps_them() {
    for way in WAYS {
        let mut studio = Studio::new(way);
        studio.finish_all(&pair(way, 'A', 'B'), None, 300);
        for (front, behind) in [('B', 'A'), ('A', 'B'), ('B', 'A')] {
            let (before, wanted) = (studio.sent, pair(way, front, behind));
            studio.finish_all(&wanted, None, 300);
            let cost = studio.sent - before;
            let shown = match way {
                Way::Kitty | Way::Tmux => vec![(wanted[0].clone(), front), (wanted[1].clone(), behind)],
                Way::Blocks | Way::Strips => vec![(wanted[0].clone(), front)],
            };
            studio.assert_shows_all(&shown, None);
            if way == Way::Kitty {
                // With the cursor's way back.
                assert!(cost <= 60, "{cost} bytes");
            }
        }
        // An overlay over both of them, and away again.
        let (wanted, over) = (pair(way, 'B', 'A'), Some(Rect::new(0, 4, 9, 2)));
        studio.finish_all(&wanted, over, 300);
        if way == Way::Kitty {
            assert_eq!(studio.glass.placed.len(), 0, "nothing lies over the overlay");
        }
        studio.finish_all(&wanted, None, 300);
        studio.finish_all(&[], None, 300);
        studio.assert_shows(None, None);
    }
}

#[test]
fn of_strips_only_those_that_differ_are_sent_again() {
    let strips = |last: char| {
        let of = |row: u16, letter: char| {
            let pad = "~".repeat(150);
            Strip { row, rows: 2, bytes: format!("\x1bP1q 12 2 {letter} {pad}\x1b\\").into_bytes() }
        };
        let form = Form::Strips(vec![of(0, 'A'), of(2, 'A'), of(4, last)]);
        placed(&Arc::new(Picture { cells: Cells { width: 12, height: 6 }, form }), 5, 3)
    };
    let mut studio = Studio::new(Way::Strips);
    studio.finish(Some(&strips('A')), None, 4096);
    let before = studio.sent;
    studio.finish(Some(&strips('B')), None, 4096);
    let cost = studio.sent - before;
    assert!((170..200).contains(&cost), "one of three: {cost}");
    assert_eq!((studio.glass.at(6, 4), studio.glass.at(6, 8)), ("A".to_owned(), "B".to_owned()));
}

#[test]
fn what_becomes_more_important_does_not_wait_for_the_rest_of_another_picture() {
    for way in [Way::Kitty, Way::Tmux] {
        let (first, second) =
            (placed(&picture(way, 'A', 10, 5), 1, 1), placed(&picture(way, 'B', 10, 5), 14, 1));
        let mut studio = Studio::new(way);
        // A little of the one, then the other is selected.
        studio.draw_all(&[first.clone(), second.clone()], None, 150);
        assert!(studio.glass.loading.is_some());
        let wanted = [second.clone(), first.clone()];
        let mut frames = 0;
        while !studio.glass.files.iter().any(|(id, (_, whole))| *whole && studio.letter(*id) == 'B') {
            studio.draw_all(&wanted, None, 150);
            frames += 1;
            assert!(frames < 12, "{way:?}: B is not sent");
        }
        let is_whole =
            |letter| studio.glass.files.iter().any(|(id, (_, whole))| *whole && studio.letter(*id) == letter);
        assert!(!is_whole('A'), "{way:?}: B comes first");
        studio.finish_all(&wanted, None, 150);
        studio.assert_shows_all(&[(second, 'B'), (first, 'A')], None);
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// Want the pictures of these numbers at places, as far as they lie apart; the last of one place behind the others.
    Want(Vec<(usize, u16, u16)>),
    Cover(Option<Rect>),
    Resize(Size),
    Redraw,
    /// Draw so many frames with so much room.
    Draw(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = (0..3_usize, 0..30_u16, 0..10_u16);
    let area = (0..35_u16, 0..12_u16, 1..20_u16, 1..8_u16).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h));
    let step = prop_oneof![
        prop::collection::vec(place, 0..4).prop_map(Step::Want),
        prop::option::of(area).prop_map(Step::Cover),
        (20..45_u16, 8..16_u16).prop_map(|(width, height)| Step::Resize(Size { width, height })),
        Just(Step::Redraw),
        (0..4_usize, prop::sample::select(vec![0, 64, 200, 3000])).prop_map(|(n, room)| Step::Draw(n, room)),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn whatever_happens_what_is_wanted_is_there_and_nothing_else(
        way in prop::sample::select(WAYS.to_vec()),
        steps in steps(),
    ) {
        let pictures = [('A', 12, 7), ('B', 9, 5), ('C', 12, 7)]
            .map(|(letter, width, height)| (letter, picture(way, letter, width, height)));
        let mut studio = Studio::new(way);
        let (mut wanted, mut over): (Vec<(Placement, char)>, _) = (Vec::new(), None);
        let placements = |wanted: &[(Placement, char)]| -> Vec<Placement> {
            wanted.iter().map(|(placement, _)| placement.clone()).collect()
        };
        for step in steps {
            match step {
                Step::Want(places) => {
                    wanted.clear();
                    for (n, x, y) in places {
                        let (letter, picture) = &pictures[n];
                        let placement = placed(picture, x, y);
                        let is_apart = |(other, known): &(Placement, char)| {
                            !other.area().intersects(placement.area()) && known != letter
                        };
                        if wanted.iter().all(is_apart) {
                            wanted.push((placement, *letter));
                        }
                    }
                    // Of the same size, so it may stand behind the first one.
                    let front = wanted.first().filter(|(_, letter)| *letter == 'A').cloned();
                    let has_behind = way == Way::Kitty || way == Way::Tmux;
                    if let Some((front, _)) = front.filter(|_| has_behind && wanted.len() == 1) {
                        let (letter, picture) = &pictures[2];
                        let behind = Placement { behind: true, ..placed(picture, front.at.x, front.at.y) };
                        wanted.push((behind, *letter));
                    }
                }
                Step::Cover(area) => over = area,
                Step::Resize(size) => {
                    studio.resize(size);
                    // The program gets the event and draws.
                    studio.draw_all(&placements(&wanted), over, 0);
                }
                Step::Redraw => studio.painter.invalidate(),
                Step::Draw(times, room) => {
                    for _ in 0..times {
                        studio.draw_all(&placements(&wanted), over, room);
                    }
                }
            }
        }
        studio.finish_all(&placements(&wanted), over, 300);
        studio.assert_shows_all(&wanted, over);
    }
}
