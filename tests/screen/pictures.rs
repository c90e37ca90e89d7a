//! Pictures of real runs on a real screen: by Kitty's graphics, by half-blocks, and not at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// Runs once, and shows the output in a large pane.
fn run_and_look(screen: &mut Terminal) {
    screen.send(b"\x12");
    screen.wait_for("1 done");
    screen.wait_for("comfydeck_00001_.png");
}

/// The PNG files that were sent by Kitty's graphics, with their numbers.
fn sent(raw: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for part in raw.split(|byte| *byte == 0x1b) {
        let Some(text) = part.strip_prefix(b"_G").and_then(|part| std::str::from_utf8(part).ok()) else {
            continue;
        };
        let (keys, data) = text.split_once(';').unwrap_or((text, ""));
        let key = |name: &str| keys.split(',').find_map(|key| key.strip_prefix(name)?.strip_prefix('='));
        match (key("a"), key("m")) {
            (Some("t"), _) => files.push((key("i").expect("a number").to_owned(), data.to_owned())),
            (None, Some(_)) => files.last_mut().expect("begun").1.push_str(data),
            _ => {}
        }
    }
    files.into_iter().map(|(id, data)| (id, STANDARD.decode(data).expect("base64"))).collect()
}

#[test]
fn a_terminal_with_kittys_graphics_gets_the_picture_and_is_rid_of_it_at_the_end() {
    let world = World::quick();
    let mut terminal = Terminal::start(world.command(&["--preset", "flamingo"])).with_graphics();
    terminal.resize(40, 120);
    let mut screen = world.wait_for_screen(terminal);
    run_and_look(&mut screen);
    screen.wait_until("a picture", |screen| screen.count(b"a=p,") == 1);
    let file = files(&world.home.path().join("outputs")).pop().expect("an output");
    let source = image::open(file).expect("a picture").into_rgb8();
    let all = sent(screen.raw());
    let [(id, png)] = &all[..] else { panic!("{} pictures", all.len()) };
    let shown = image::load_from_memory(png).expect("PNG").into_rgb8();
    let mean = |image: &image::RgbImage| {
        let all: Vec<f64> = (0..3)
            .map(|channel| {
                image.pixels().map(|p| f64::from(p.0[channel])).sum::<f64>() / image.pixels().len() as f64
            })
            .collect();
        all
    };
    for (wanted, got) in mean(&source).iter().zip(mean(&shown)) {
        assert!((wanted - got).abs() < 3.0, "{:?} {:?}", mean(&source), mean(&shown));
    }
    // What covers it takes it away, and brings it back without sending it again.
    screen.send(b"?");
    screen.wait_until("no picture", |screen| screen.count(format!("a=d,d=i,i={id},").as_bytes()) == 1);
    screen.send(b"\x1b");
    screen.wait_until("the picture again", |screen| screen.count(b"a=p,") == 2);
    assert_eq!(sent(screen.raw()).len(), 1);
    screen.send(b"q");
    assert!(screen.wait_exit().success());
    assert_eq!(screen.count(format!("a=d,d=I,i={id},").as_bytes()), 1, "the terminal keeps nothing");
    screen.assert_nothing_left_behind();
}

#[test]
fn a_terminal_that_never_answers_gets_half_blocks() {
    let world = World::quick();
    let mut terminal = Terminal::start_silent(world.command(&["--preset", "flamingo"]));
    terminal.resize(40, 120);
    let mut screen = world.wait_for_screen(terminal);
    run_and_look(&mut screen);
    screen.wait_for("▀▀▀▀▀▀▀▀");
    assert_eq!(screen.count(b"a=t"), 0);
    screen.send(b"q");
    assert!(screen.wait_exit().success());
    screen.assert_nothing_left_behind();
}

#[test]
fn switched_off_nothing_is_asked_and_nothing_drawn() {
    let world = World::quick();
    let config = world.dirs().config_file();
    let text = std::fs::read_to_string(&config).expect("a config");
    std::fs::write(&config, format!("{text}\n[ui]\npictures = \"off\"\n")).expect("written");
    let mut terminal = Terminal::start(world.command(&["--preset", "flamingo"])).with_graphics();
    terminal.resize(40, 120);
    let mut screen = world.wait_for_screen(terminal);
    run_and_look(&mut screen);
    screen.wait_for("Pictures are off");
    assert_eq!((screen.count(b"\x1b_G"), screen.count(b"\x1bPtmux"), screen.count(b"[16t")), (0, 0, 0));
    assert!(!screen.text().contains('▀'));
}

#[test]
fn an_output_that_is_gone_says_so() {
    let world = World::quick();
    let mut screen = world.flamingo();
    run_and_look(&mut screen);
    screen.wait_for("▀▀▀▀");
    for file in files(&world.home.path().join("outputs")) {
        std::fs::remove_file(file).expect("removed");
    }
    // Another size is another picture, and it is looked for again.
    screen.send(b"5z");
    screen.wait_for("The file is gone");
}

/// A picture in a folder.
fn drawn(world: &World) -> PathBuf {
    let path = world.home.path().join("a picture.png");
    let image = image::RgbImage::from_fn(60, 40, |x, y| image::Rgb([(x * 4) as u8, (y * 6) as u8, 90]));
    image.save(&path).expect("written");
    path
}

#[test]
fn preview_draws_in_a_plain_terminal() {
    let world = World::quick();
    let path = drawn(&world);
    let source = image::open(&path).expect("a picture").into_rgb8();
    let path = path.to_str().expect("a path");
    let mut screen = Terminal::start(world.command(&["preview", path])).with_graphics();
    assert!(screen.wait_exit().success());
    let all = sent(screen.raw());
    assert_eq!(image::load_from_memory(&all[0].1).expect("PNG").into_rgb8(), source);
    assert_eq!(screen.count(format!("a=p,i={},", all[0].0).as_bytes()), 1);
    assert!(screen.text().contains("60×40"), "{}", screen.text());
    assert!(screen.settings_are_original());
    for (kind, mark) in
        [("sixel", &b"\x1bP0;1q"[..]), ("iterm2", b"\x1b]1337;File=inline=1"), ("blocks", b"\xe2\x96\x80")]
    {
        let mut screen = Terminal::start(world.command(&["preview", "--pictures", kind, path]));
        assert!(screen.wait_exit().success());
        assert!(screen.count(mark) > 0, "{kind}");
        assert_eq!(screen.count(b"\x1b_G"), 0, "{kind}: nothing is asked");
    }
    let mut silent = Terminal::start_silent(world.command(&["preview", path, "/nowhere.png"]));
    assert!(!silent.wait_exit().success(), "one of them isn't there");
    assert!(silent.count("▀".as_bytes()) > 10 && silent.settings_are_original());
    assert!(silent.text().contains("the file is gone"), "{}", silent.text());
}
