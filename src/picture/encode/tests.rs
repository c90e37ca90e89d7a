//! Each protocol's bytes are decoded again and compared with the original picture.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, Rgb, RgbImage, Rgba, RgbaImage, imageops};

use super::super::{Block, BlockSet, CellSize, Colours, Strip};
use super::*;
use crate::picture::XTERM_16;

const GROUND: [u8; 3] = [10, 20, 30];

fn canvas(protocol: PictureProtocol, budget: usize, piece: usize) -> Canvas {
    Canvas {
        room: Cells { width: 40, height: 12 },
        cell: CellSize { width: 8, height: 16 },
        protocol,
        budget,
        piece,
        ground: GROUND,
        colours: Colours::True,
        blocks: BlockSet::Half,
    }
}

/// A picture like a photograph: many colours, soft gradients, an edge.
fn photograph(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (fx, fy) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let wave = (fx * 9.0).sin() * (fy * 7.0).cos();
        let disc = if (fx - 0.6).hypot(fy - 0.4) < 0.2 { 90.0 } else { 0.0 };
        let channel = |base: f64| (base + wave * 40.0 + disc).clamp(0.0, 255.0) as u8;
        Rgb([channel(160.0 * fx), channel(120.0 * fy + 20.0), channel(150.0 * (1.0 - fx))])
    })
}

/// Random pixels, which do not compress.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut random = fastrand::Rng::with_seed(7);
    RgbImage::from_fn(width, height, |_, _| Rgb([random.u8(..), random.u8(..), random.u8(..)]))
}

/// A drawing of few plain surfaces.
fn drawing() -> RgbImage {
    RgbImage::from_fn(320, 192, |x, y| match (x / 80, y / 64) {
        (0, _) => Rgb([255, 0, 0]),
        (_, 0) => Rgb([0, 255, 0]),
        (1, _) => Rgb([0, 0, 255]),
        _ => Rgb([255, 255, 255]),
    })
}

/// Mean distance of two pictures' channels, the second scaled to the first's size.
fn distance(wanted: &RgbImage, got: &RgbImage) -> f64 {
    let got = imageops::resize(got, wanted.width(), wanted.height(), FilterType::Triangle);
    let off: u64 = wanted.as_raw().iter().zip(got.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    off as f64 / wanted.as_raw().len() as f64
}

/// The pixels of block characters, as many a cell as their set has.
fn drawn(all: &[Block], cells: Cells, set: BlockSet) -> RgbImage {
    use ratatui::symbols::pixel::{QUADRANTS, SEXTANTS};
    let (columns, rows) = set.grid();
    let parts = |sign: char| match (set, sign) {
        (_, ' ') => 0,
        (BlockSet::Half, '▀') => 1,
        (BlockSet::Half, other) => panic!("{other} is no half-block"),
        (BlockSet::Quad, sign) => QUADRANTS.iter().position(|c| *c == sign).expect("a quadrant"),
        (BlockSet::Sextant, sign) => SEXTANTS.iter().position(|c| *c == sign).expect("a sextant"),
    };
    let of = |cells: u16, parts: u16| u32::from(cells) * u32::from(parts);
    RgbImage::from_fn(of(cells.width, columns), of(cells.height, rows), |x, y| {
        let (columns, rows) = (u32::from(columns), u32::from(rows));
        let block = all[(y / rows * u32::from(cells.width) + x / columns) as usize];
        let bit = y % rows * columns + x % columns;
        Rgb(if parts(block.sign()) >> bit & 1 == 1 { block.front } else { block.back })
    })
}

/// The pixels a terminal would show.
fn shown(picture: &Picture, canvas: &Canvas) -> RgbImage {
    match &picture.form {
        Form::Blocks(blocks) => drawn(blocks, picture.cells, canvas.blocks),
        Form::Kitty(png) => {
            let mut text = String::new();
            // A length that is not a multiple of four, as the flow control may ask for.
            while let chunk = base64_chunk(png, text.len(), 133)
                && !chunk.is_empty()
            {
                assert!(chunk.len() <= 132);
                text.push_str(&chunk);
            }
            let bytes = STANDARD.decode(text).expect("base64");
            image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).expect("PNG").into_rgb8()
        }
        Form::Strips(strips) => {
            let cell = canvas.cell;
            let (width, height) = full_size(picture.cells, canvas);
            let mut whole = RgbImage::new(width, height);
            let mut next_row = 0;
            for piece in strips {
                assert_eq!(piece.row, next_row, "no row is left out");
                next_row += piece.rows;
                let (rows, y) = (u32::from(piece.rows * cell.height), i64::from(piece.row * cell.height));
                let part = if canvas.protocol == PictureProtocol::Sixel {
                    sixel(&piece.bytes)
                } else {
                    iterm2(piece, picture)
                };
                let part = match canvas.protocol {
                    PictureProtocol::Sixel => {
                        assert_eq!((part.width(), part.height()), (width, rows), "whole cells");
                        part
                    }
                    _ => imageops::resize(&part, width, rows, FilterType::Triangle),
                };
                imageops::replace(&mut whole, &part, 0, y);
            }
            assert_eq!(next_row, picture.cells.height);
            whole
        }
    }
}

fn iterm2(piece: &Strip, picture: &Picture) -> RgbImage {
    let text = std::str::from_utf8(&piece.bytes).expect("text");
    let text =
        text.strip_prefix("\x1b]1337;File=").and_then(|text| text.strip_suffix('\x07')).expect("OSC 1337");
    let (keys, data) = text.split_once(':').expect("a colon");
    let key =
        |name: &str| keys.split(';').find_map(|key| key.strip_prefix(name)?.strip_prefix('=')).expect(name);
    assert_eq!(key("inline"), "1");
    assert_eq!(key("width"), picture.cells.width.to_string());
    assert_eq!(key("height"), piece.rows.to_string());
    let file = STANDARD.decode(data).expect("base64");
    assert_eq!(key("size"), file.len().to_string());
    image::load_from_memory(&file).expect("a file that can be read").into_rgb8()
}

/// Decodes a Sixel picture by the standard, not by the encoder.
fn sixel(bytes: &[u8]) -> RgbImage {
    let text = std::str::from_utf8(bytes).expect("text");
    let body = text.strip_prefix("\x1bP").and_then(|text| text.strip_suffix("\x1b\\")).expect("DCS");
    let (_, body) = body.split_once('q').expect("Sixel");
    let mut chars = body.chars().peekable();
    let mut image = RgbImage::new(0, 0);
    let mut palette: Vec<[u8; 3]> = Vec::new();
    let (mut x, mut y, mut colour, mut times) = (0, 0, 0, 1);
    while let Some(sign) = chars.next() {
        let mut numbers = vec![0_u32];
        while let Some(next) =
            chars.peek().filter(|c| matches!(sign, '"' | '#' | '!') && (c.is_ascii_digit() || **c == ';'))
        {
            match next.to_digit(10) {
                Some(digit) => *numbers.last_mut().expect("one") = numbers[numbers.len() - 1] * 10 + digit,
                None => numbers.push(0),
            }
            chars.next();
        }
        match (sign, &numbers[..]) {
            ('"', [1, 1, width, height]) => image = RgbImage::new(*width, *height),
            ('#', [index]) => colour = *index as usize,
            ('#', [index, 2, r, g, b]) => {
                assert_eq!(*index as usize, palette.len(), "registers have no gaps: tmux paints holes there");
                palette.push([r, g, b].map(|n| (n * 255 / 100) as u8));
            }
            ('!', [count]) => times = *count,
            ('$', _) => x = 0,
            ('-', _) => (x, y) = (0, y + 6),
            ('?'..='~', _) => {
                let bits = sign as u32 - '?' as u32;
                for column in x..x + times {
                    for bit in (0..6).filter(|bit| bits >> bit & 1 == 1) {
                        image.put_pixel(column, y + bit, Rgb(palette[colour]));
                    }
                }
                (x, times) = (x + times, 1);
            }
            other => panic!("no Sixel: {other:?}"),
        }
    }
    image
}

#[test]
fn a_photograph_looks_like_itself_in_every_protocol() {
    let source = photograph(900, 600);
    for (protocol, worst) in [
        (PictureProtocol::Kitty, 1.0),
        (PictureProtocol::Iterm2, 4.0),
        (PictureProtocol::Sixel, 4.0),
        (PictureProtocol::Blocks, 6.0),
    ] {
        let canvas = canvas(protocol, 1 << 20, 1 << 20);
        let picture = encode(&Pixels::Opaque(source.clone()), &canvas);
        assert_eq!(picture.cells, Cells { width: 36, height: 12 });
        let off = distance(&source, &shown(&picture, &canvas));
        assert!(off < worst, "{protocol:?} is {off} off");
    }
}

#[test]
fn plain_surfaces_come_out_as_they_are() {
    let source = drawing();
    for (protocol, most) in [
        (PictureProtocol::Kitty, 0),
        (PictureProtocol::Sixel, 0),
        (PictureProtocol::Blocks, 0),
        (PictureProtocol::Iterm2, 12),
    ] {
        let canvas = canvas(protocol, 32 << 10, 2048);
        let shown = shown(&encode(&Pixels::Opaque(source.clone()), &canvas), &canvas);
        for (x, y) in [(10, 10), (160, 20), (120, 150), (300, 180)] {
            let at = |image: &RgbImage| *image.get_pixel(x * image.width() / 320, y * image.height() / 192);
            let off = at(&source).0.iter().zip(at(&shown).0).map(|(a, b)| a.abs_diff(b)).max();
            assert!(off <= Some(most), "{protocol:?} at {x},{y}: {:?}", at(&shown));
        }
    }
}

#[test]
fn no_picture_costs_more_than_its_budget() {
    for (name, source) in
        [("photograph", photograph(320, 200)), ("noise", noise(320, 200)), ("drawing", drawing())]
    {
        for protocol in PictureProtocol::ALL {
            for budget in [4 << 10, 16 << 10, 32 << 10, 256 << 10] {
                let canvas = canvas(protocol, budget, 2048);
                let picture = encode(&Pixels::Opaque(source.clone()), &canvas);
                let bytes = picture.wire_bytes();
                assert!(bytes <= budget, "{name} as {protocol:?}: {bytes} of {budget}");
                assert!(bytes > 100, "{name} as {protocol:?}: {bytes}");
                shown(&picture, &canvas);
            }
        }
    }
}

#[test]
fn a_larger_budget_is_used_for_a_better_picture() {
    let source = photograph(900, 600);
    for protocol in PictureProtocol::ALL {
        let off = |budget| {
            let canvas = canvas(protocol, budget, 1 << 20);
            distance(&source, &shown(&encode(&Pixels::Opaque(source.clone()), &canvas), &canvas))
        };
        let (small, large) = (off(6 << 10), off(512 << 10));
        assert!(large < small, "{protocol:?}: {small} with few bytes, {large} with many");
    }
}

#[test]
fn strips_are_about_as_long_as_the_line_takes_at_once() {
    let source = photograph(900, 600);
    for protocol in [PictureProtocol::Sixel, PictureProtocol::Iterm2] {
        let canvas = canvas(protocol, 24 << 10, 3000);
        let picture = encode(&Pixels::Opaque(source.clone()), &canvas);
        let Form::Strips(strips) = &picture.form else { panic!("{protocol:?}") };
        assert!(strips.len() > 3, "{protocol:?}: {}", strips.len());
        let longest = strips.iter().map(|piece| piece.bytes.len()).max();
        assert!(longest < Some(3 * 3000), "{protocol:?}: {longest:?}");
    }
}

#[test]
fn what_is_transparent_shows_the_ground() {
    let half =
        RgbaImage::from_fn(64, 64, |x, _| if x < 32 { Rgba([255, 0, 0, 255]) } else { Rgba([255, 0, 0, 0]) });
    let pixels = Pixels::Transparent(half);
    for protocol in PictureProtocol::ALL {
        let canvas = canvas(protocol, 64 << 10, 4096);
        let shown = DynamicImage::from(shown(&encode(&pixels, &canvas), &canvas)).into_rgb8();
        let right = shown.get_pixel(shown.width() * 7 / 8, shown.height() / 2);
        let off = right.0.iter().zip(GROUND).map(|(a, b)| a.abs_diff(b)).max();
        assert!(off <= Some(6), "{protocol:?}: {right:?}");
    }
}

#[test]
fn the_smallest_pictures_and_rooms_do_no_harm() {
    for protocol in PictureProtocol::ALL {
        for (width, height) in [(1, 1), (1, 3000), (3000, 1), (2, 2)] {
            for room in [
                Cells { width: 1, height: 1 },
                Cells { width: 0, height: 0 },
                Cells { width: 300, height: 2 },
            ] {
                let canvas = Canvas { room, ..canvas(protocol, 4096, 128) };
                let picture = encode(&Pixels::Opaque(photograph(width, height)), &canvas);
                assert!(picture.cells.count() > 0);
            }
        }
    }
}

#[test]
fn with_few_colours_gradients_dissolve_as_long_as_they_fit_the_budget() {
    let picture = photograph(320, 192);
    let of = |colours, budget| {
        let canvas = Canvas { colours, ..canvas(PictureProtocol::Blocks, budget, usize::MAX) };
        shown(&encode(&Pixels::Opaque(picture.clone()), &canvas), &canvas)
    };
    // The colours of the cube that a terminal of 256 takes.
    let nearest = |image: &RgbImage| {
        let level =
            |v: u8| [0_u8, 95, 135, 175, 215, 255].into_iter().min_by_key(|l| l.abs_diff(v)).unwrap_or(0);
        RgbImage::from_fn(image.width(), image.height(), |x, y| Rgb(image.get_pixel(x, y).0.map(level)))
    };
    // As from some distance: four by four pixels are one.
    let far = |image: &RgbImage| {
        let image = imageops::thumbnail(image, 40, 24);
        imageops::thumbnail(&image, 10, 6)
    };
    let plain = of(Colours::True, usize::MAX);
    let dithered = of(Colours::Indexed, usize::MAX);
    let (without, with) =
        (distance(&far(&plain), &far(&nearest(&plain))), distance(&far(&plain), &far(&nearest(&dithered))));
    assert!(with < without * 0.9, "{with} is not nearer than {without}");
    // The same pixel has the same colour in each frame, and what costs too much is not dithered.
    assert_eq!(of(Colours::Indexed, usize::MAX), dithered);
    let small = |colours| wire(&picture, colours, 9_000);
    assert!(small(Colours::Indexed) <= 9_000 && small(Colours::Sixteen) <= 9_000);
    // Of a pattern that is too dear a weaker one is left, as long as it fits.
    let whole = wire(&picture, Colours::Indexed, usize::MAX);
    let within = |budget: usize| {
        let used = wire(&picture, Colours::Indexed, budget);
        assert!(used <= budget, "{used} of {budget}");
        let weaker = of(Colours::Indexed, budget);
        assert_eq!(weaker.dimensions(), dithered.dimensions(), "as large as it was");
        distance(&far(&plain), &far(&nearest(&weaker)))
    };
    let weaker = within(whole * 3 / 4);
    assert!(weaker < without * 0.97 && weaker > with, "{weaker} between {with} and {without}");
}

#[test]
fn with_sixteen_colours_a_colour_is_mixed_of_two_that_lie_near() {
    for wanted in [[200, 100, 180], [120, 60, 160], [60, 90, 40], [230, 160, 140], [127, 127, 127], [0, 0, 0]]
    {
        let picture = RgbImage::from_pixel(64, 64, Rgb(wanted));
        let canvas =
            Canvas { colours: Colours::Sixteen, ..canvas(PictureProtocol::Blocks, usize::MAX, usize::MAX) };
        let shown = shown(&encode(&Pixels::Opaque(picture), &canvas), &canvas);
        assert!(shown.pixels().all(|pixel| XTERM_16.contains(&pixel.0)), "{wanted:?}");
        let far = |colour: [f64; 3]| {
            colour.iter().zip(wanted).map(|(a, b)| (a - f64::from(b)).powi(2)).sum::<f64>().sqrt()
        };
        let count = shown.pixels().len() as f64;
        let mean = [0, 1, 2].map(|n| shown.pixels().map(|pixel| f64::from(pixel.0[n])).sum::<f64>() / count);
        let alone = XTERM_16.map(|colour| far(colour.map(f64::from))).into_iter().fold(f64::MAX, f64::min);
        assert!(far(mean) <= alone && far(mean) < 50.0, "{wanted:?}: {mean:?}, nearest {alone}");
    }
}

fn wire(picture: &RgbImage, colours: Colours, budget: usize) -> usize {
    let canvas = Canvas { colours, ..canvas(PictureProtocol::Blocks, budget, usize::MAX) };
    let picture = encode(&Pixels::Opaque(picture.clone()), &canvas);
    let Form::Blocks(blocks) = &picture.form else { return 0 };
    blocks::wire_bytes(blocks, picture.cells, colours)
}

fn of_set(set: BlockSet, budget: usize) -> Canvas {
    Canvas { blocks: set, ..canvas(PictureProtocol::Blocks, budget, usize::MAX) }
}

#[test]
fn a_cell_of_two_colours_is_shown_as_it_is_by_every_set() {
    let (front, back) = ([250, 10, 60], [5, 200, 30]);
    for set in BlockSet::ALL {
        let (columns, rows) = set.grid();
        let room = Cells { width: 1, height: 1 };
        // A cell whose pixels have the size of one each.
        let cell = CellSize { width: columns, height: rows };
        let canvas = Canvas { room, cell, ..of_set(set, usize::MAX) };
        for mask in 0_u32..1 << (columns * rows) {
            let picture = RgbImage::from_fn(columns.into(), rows.into(), |x, y| {
                Rgb(if mask >> (y * u32::from(columns) + x) & 1 == 1 { front } else { back })
            });
            let shown = shown(&encode(&Pixels::Opaque(picture.clone()), &canvas), &canvas);
            assert_eq!(shown, picture, "{set:?} {mask:b}");
        }
    }
}

#[test]
fn more_pixels_a_cell_are_nearer_to_the_picture_within_any_budget() {
    // Edges that lie within cells.
    let picture = RgbImage::from_fn(640, 384, |x, y| {
        let wheel = (f64::from(x) - 320.0).atan2(f64::from(y) - 192.0) * 9.0;
        if wheel.sin() > 0.0 { Rgb([230, 200, 40]) } else { Rgb([30, (y / 2) as u8, 120]) }
    });
    for budget in [3_000, 9_000, usize::MAX] {
        let off = BlockSet::ALL.map(|set| {
            let canvas = of_set(set, budget);
            let made = encode(&Pixels::Opaque(picture.clone()), &canvas);
            assert!(made.wire_bytes() <= budget, "{set:?}: {} of {budget}", made.wire_bytes());
            distance(&picture, &shown(&made, &canvas))
        });
        if budget == usize::MAX {
            assert!(off[2] < off[1] * 0.95 && off[1] < off[0] * 0.95, "{off:?}");
        }
    }
}

#[test]
fn of_two_ways_to_draw_a_cell_the_one_is_taken_that_sets_fewer_colours() {
    // Stripes that change sides from cell to cell.
    let picture =
        RgbImage::from_fn(80, 36, |x, _| if x.div_ceil(2) % 2 == 0 { Rgb([0; 3]) } else { Rgb([255; 3]) });
    let canvas = Canvas {
        room: Cells { width: 40, height: 12 },
        cell: CellSize { width: 2, height: 3 },
        ..of_set(BlockSet::Sextant, usize::MAX)
    };
    let made = encode(&Pixels::Opaque(picture.clone()), &canvas);
    assert_eq!(shown(&made, &canvas), picture);
    let Form::Blocks(all) = &made.form else { panic!("{:?}", made.form) };
    assert!(all.iter().all(|block| (block.front, block.back) == (all[0].front, all[0].back)));
}

#[test]
fn of_sixteen_colours_each_half_of_a_cell_is_mixed_for_itself() {
    let of = |set| {
        let canvas = Canvas { colours: Colours::Sixteen, ..of_set(set, usize::MAX) };
        encode(&Pixels::Opaque(photograph(320, 192)), &canvas)
    };
    assert_eq!(of(BlockSet::Sextant), of(BlockSet::Half));
}
