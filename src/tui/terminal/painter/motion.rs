//! The shortest way for the cursor from one cell to another.

use super::push_number;

/// The cursor's position, `None` where it is uncertain: behind a sign whose width terminals disagree on, and behind
/// the last column, where the cursor may or may not wait to wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) x: Option<u16>,
    pub(super) y: Option<u16>,
}

impl Place {
    pub(super) const UNKNOWN: Place = Place { x: None, y: None };

    pub(super) fn at(x: u16, y: u16) -> Place {
        Place { x: Some(x), y: Some(y) }
    }
}

/// The text of the cells between two columns of the target row, if reprinting it changes nothing. It may be shorter
/// than a jump over them.
pub(super) type Again<'a> = &'a dyn Fn(u16, u16) -> Option<Vec<u8>>;

/// The shortest bytes that move the cursor to column `x` of row `y`.
pub(super) fn motion(from: Place, x: u16, y: u16, again: Again<'_>) -> Vec<u8> {
    if from == Place::at(x, y) {
        return Vec::new();
    }
    let mut best = absolute(x, y);
    let mut offer = |bytes: Vec<u8>| {
        if bytes.len() < best.len() {
            best = bytes;
        }
    };
    let Some(from_y) = from.y else { return best };
    let down = vertical(from_y, y);
    // A carriage return works from wherever the cursor is in the row.
    offer([&b"\r"[..], &down, &horizontal(0, x, again)].concat());
    if let Some(from_x) = from.x {
        offer([&down[..], &horizontal(from_x, x, again)].concat());
    }
    // With the column set absolutely it need not be known, but vertical moves from a waiting last column aren't safe.
    if from_y == y || from.x.is_some() {
        offer([&down[..], &number(u32::from(x) + 1, b'G')].concat());
    }
    best
}

fn absolute(x: u16, y: u16) -> Vec<u8> {
    let mut bytes = b"\x1b[".to_vec();
    if (x, y) != (0, 0) {
        if y > 0 || x > 0 {
            push_number(&mut bytes, u32::from(y) + 1);
        }
        if x > 0 {
            bytes.push(b';');
            push_number(&mut bytes, u32::from(x) + 1);
        }
    }
    bytes.push(b'H');
    bytes
}

fn vertical(from: u16, to: u16) -> Vec<u8> {
    let row = || number(u32::from(to) + 1, b'd');
    match to.cmp(&from) {
        std::cmp::Ordering::Equal => Vec::new(),
        std::cmp::Ordering::Greater => {
            let rows = to - from;
            // Never below the last row, so a line feed never scrolls; in raw mode it keeps the column.
            let feeds = if rows <= 3 { vec![b'\n'; rows.into()] } else { number(rows.into(), b'B') };
            shorter(feeds, row())
        }
        std::cmp::Ordering::Less => shorter(number((from - to).into(), b'A'), row()),
    }
}

fn horizontal(from: u16, to: u16, again: Again<'_>) -> Vec<u8> {
    match to.cmp(&from) {
        std::cmp::Ordering::Equal => Vec::new(),
        std::cmp::Ordering::Greater => {
            let jump = number((to - from).into(), b'C');
            // A cell takes at least one byte, so reprinting cannot be shorter.
            if usize::from(to - from) >= jump.len() {
                return jump;
            }
            match again(from, to) {
                Some(text) => shorter(text, jump),
                None => jump,
            }
        }
        std::cmp::Ordering::Less => {
            let columns = from - to;
            if columns <= 3 { vec![0x08; columns.into()] } else { number(columns.into(), b'D') }
        }
    }
}

/// `ESC [ n final`, without the number if it is 1, the default.
fn number(n: u32, last: u8) -> Vec<u8> {
    let mut bytes = b"\x1b[".to_vec();
    if n != 1 {
        push_number(&mut bytes, n);
    }
    bytes.push(last);
    bytes
}

fn shorter(a: Vec<u8>, b: Vec<u8>) -> Vec<u8> {
    if b.len() < a.len() { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_way() {
        let text = |from: u16, to: u16| Some(vec![b'x'; usize::from(to - from)]);
        let unknown_x = Place { x: None, y: Some(5) };
        for (from, x, y, wanted) in [
            (Place::UNKNOWN, 0, 0, "\x1b[H"),
            (Place::UNKNOWN, 0, 7, "\x1b[8H"),
            (Place::UNKNOWN, 9, 0, "\x1b[1;10H"),
            (Place::at(4, 4), 4, 4, ""),
            (Place::at(4, 4), 0, 5, "\r\n"),
            (Place::at(4, 4), 4, 6, "\n\n"),
            (Place::at(4, 4), 3, 5, "\n\x08"),
            (Place::at(40, 4), 42, 4, "xx"),
            (Place::at(40, 4), 60, 4, "\x1b[61G"),
            (Place::at(4, 4), 60, 4, "\x1b[61G"),
            (Place::at(98, 4), 118, 4, "\x1b[20C"),
            (Place::at(40, 20), 40, 19, "\x1b[A"),
            (Place::at(40, 20), 40, 4, "\x1b[5d"),
            (Place::at(40, 20), 1, 20, "\rx"),
            (unknown_x, 30, 5, "\x1b[31G"),
            (unknown_x, 1, 6, "\r\nx"),
            (unknown_x, 30, 6, "\x1b[7;31H"),
        ] {
            let got = motion(from, x, y, &text);
            assert!(
                got.len() <= wanted.len(),
                "{from:?} to {x},{y}: {:?} instead of {wanted:?}",
                String::from_utf8_lossy(&got)
            );
        }
        assert_eq!(motion(Place::at(4, 4), 6, 4, &|_, _| None), b"\x1b[2C");
    }
}
