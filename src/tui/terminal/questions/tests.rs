//! Terminals by their recorded answers: what each is asked, and what follows. Recorded from the terminals themselves, in the
//! versions that `docs/terminals.md` names.

use std::time::Instant;

use super::*;
use crate::picture::PictureProtocol;
use crate::tui::terminal::input::{Decoder, Input, Rgb};
use crate::tui::terminal::picture_protocol::{TerminalEnv, best, is_settled};

/// A terminal: its environment, its answers, and what is expected of us.
struct Recorded {
    name: &'static str,
    /// `TERM` and `COLORTERM`.
    term: (&'static str, &'static str),
    /// Answers to [`who`] and DA1; to what [`pictures`] asks.
    who: &'static str,
    pictures: &'static str,
    asked: &'static str,
    best: PictureProtocol,
    depth: ColorDepth,
}

const TMUX: &str = "\x1bP>|tmux 3.3a\x1b\\\x1b[>84;0;0c\x1b[?1;2c";

const RECORDED: &[Recorded] = &[
    Recorded {
        name: "kitty",
        term: ("xterm-256color", ""),
        who: "\x1b[?0u\x1b[?2026;2$y\x1b[?1036;0$y\x1bP>|kitty(0.26.5)\x1b\\\x1b[>1;4000;26c\x1bP1$r48:2:1:2:3m\x1b\\\x1b[?62;c",
        asked: "GRAPHICS\x1b[16t",
        pictures: "\x1b_Gi=31;OK\x1b\\\x1b[6;15;7t",
        best: PictureProtocol::Kitty,
        depth: ColorDepth::TrueColor,
    },
    Recorded {
        name: "konsole",
        term: ("xterm-256color", ""),
        who: "\x1bP>|Konsole 22.12.3\x1b\\\x1b[>1;115;0c\x1b[?62;1;4c",
        asked: "GRAPHICS\x1b[16t\x1b[?2;1;0S",
        pictures: "\x1b_Gi=31;OK\x1b\\\x1b[6;17;8t\x1b[?2;0;16384;16384S",
        best: PictureProtocol::Kitty,
        depth: ColorDepth::TrueColor,
    },
    Recorded {
        name: "xterm",
        term: ("xterm", ""),
        who: "\x1b[?2026;0$y\x1b[?1036;2$y\x1bP>|XTerm(379)\x1b\\\x1b[>41;379;0c\x1bP1$r0;48:2::1:2:3m\x1b\\\x1b[?64;1;2;6;9;15;16;17;18;21;22;28c",
        asked: "GRAPHICS\x1b[16t",
        pictures: "",
        best: PictureProtocol::Blocks,
        depth: ColorDepth::TrueColor,
    },
    Recorded {
        name: "xterm -ti vt340",
        term: ("xterm", ""),
        who: "\x1b[?2026;0$y\x1b[?1036;2$y\x1bP>|XTerm(379)\x1b\\\x1b[>19;379;0c\x1bP1$r0;48:2::1:2:3m\x1b\\\x1b[?63;1;2;4;6;9;15;16;22;28c",
        asked: "GRAPHICS\x1b[16t\x1b[?2;1;0S",
        pictures: "\x1b[?2;0;960;600S",
        best: PictureProtocol::Sixel,
        depth: ColorDepth::TrueColor,
    },
    Recorded {
        name: "mlterm",
        term: ("mlterm", ""),
        who: "\x1b[?2026;0$y\x1b[?1036;2$y\x1b[>24;279;0c\x1bP1$r0;48;5;16m\x1b\\\x1b[?63;1;2;3;4;6;7;15;18;22;29c",
        asked: "\x1b[16t\x1b[?2;1;0S",
        pictures: "\x1b[6;19;10t\x1b[?1;3;0S",
        best: PictureProtocol::Sixel,
        depth: ColorDepth::Ansi256,
    },
    Recorded {
        name: "urxvt",
        term: ("rxvt-unicode-256color", "rxvt-xpm"),
        who: "\x1b[?2026;0$y\x1b[?1036;0$y\x1b[>85;95;0c\x1b[?1;2c",
        asked: "",
        pictures: "",
        best: PictureProtocol::Blocks,
        depth: ColorDepth::Ansi256,
    },
    Recorded {
        name: "alacritty",
        term: ("alacritty", "truecolor"),
        who: "\x1b[>0;1700;1c\x1b[?6c",
        asked: "",
        pictures: "",
        best: PictureProtocol::Blocks,
        depth: ColorDepth::TrueColor,
    },
    Recorded {
        name: "PuTTY, by its source",
        term: ("xterm", ""),
        who: "\x1b[>0;136;0c\x1b[?6c",
        asked: "",
        pictures: "",
        best: PictureProtocol::Blocks,
        depth: ColorDepth::Ansi256,
    },
    Recorded {
        name: "GNU screen",
        term: ("screen", ""),
        who: "\x1b[>83;40900;0c\x1b[?1;2c",
        asked: "",
        pictures: "",
        best: PictureProtocol::Blocks,
        depth: ColorDepth::Ansi256,
    },
    Recorded {
        name: "VS Code without images, by its documentation",
        term: ("xterm-256color", "truecolor"),
        who: "\x1bP>|xterm.js(5.6.0)\x1b\\\x1b[>0;276;0c\x1b[?1;2c",
        asked: "GRAPHICS\x1b[16t",
        pictures: "",
        best: PictureProtocol::Blocks,
        depth: ColorDepth::TrueColor,
    },
    Recorded {
        name: "VS Code with images, by its documentation",
        term: ("xterm-256color", "truecolor"),
        who: "\x1bP>|xterm.js(5.6.0)\x1b\\\x1b[>0;276;0c\x1b[?62;4;9;22c",
        asked: "GRAPHICS\x1b[16t\x1b[?2;1;0S",
        pictures: "\x1b[6;17;8t",
        best: PictureProtocol::Sixel,
        depth: ColorDepth::TrueColor,
    },
    Recorded {
        name: "a terminal of old",
        term: ("vt100", ""),
        who: "\x1b[?1;2c",
        asked: "",
        pictures: "",
        best: PictureProtocol::Blocks,
        depth: ColorDepth::Mono,
    },
];

fn hear(can: &mut Capabilities, answers: &str) {
    let mut inputs = Vec::new();
    Decoder::default().feed(answers.as_bytes(), Instant::now(), &mut inputs);
    for input in inputs {
        let Input::Report(report) = input else { panic!("{input:?} is no answer") };
        can.known |= matches!(report, crate::tui::terminal::input::Report::DeviceAttributes(_));
        can.hear(&report);
    }
}

fn told((term, color): (&str, &str), tmux: bool) -> ColorDepth {
    ColorDepth::from_env(|name| match name {
        "TERM" => Some(term.to_owned()),
        "COLORTERM" => Some(color.to_owned()),
        "TMUX" => tmux.then(|| "/tmp/tmux-0/default,1,0".to_owned()),
        _ => None,
    })
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text").replace(std::str::from_utf8(GRAPHICS).expect("text"), "GRAPHICS")
}

#[test]
fn each_terminal_is_asked_what_it_does_not_print_and_shows_what_it_can() {
    // The name that VS Code gives itself says nothing of what it shows.
    let env = TerminalEnv { program: "vscode".to_owned(), ..TerminalEnv::default() };
    for terminal in RECORDED {
        let Recorded { name, term, .. } = terminal;
        let mut can = Capabilities::default();
        hear(&mut can, terminal.who);
        assert_eq!(text(pictures(&can)), terminal.asked, "{name}");
        hear(&mut can, terminal.pictures);
        can.complete = true;
        assert_eq!(best(&can, &env), terminal.best, "{name}");
        assert!(is_settled(&can, &env), "{name}");
        assert_eq!(can.depth(told(*term, false), term.0), terminal.depth, "{name}");
        assert_eq!(can.has_title(), *name != "a terminal of old", "{name}");
    }
}

#[test]
fn in_tmux_the_terminal_around_it_decides() {
    let wrapped = "\x1bPtmux;\x1b\x1b]11;?\x1b\x1b\\\x1b\x1b[>0q\x1b\\";
    for (outer, asked, answer, wanted) in [
        ("kitty(0.26.5)", false, "\x1b_Gi=31;OK\x1b\\", PictureProtocol::Blocks),
        ("kitty(0.28.0)", true, "\x1b_Gi=31;OK\x1b\\", PictureProtocol::Kitty),
        ("kitty(0.41.1)", true, "\x1b_Gi=31;OK\x1b\\", PictureProtocol::Kitty),
        ("kitty(1.0)", true, "\x1b_Gi=31;OK\x1b\\", PictureProtocol::Kitty),
        ("ghostty 1.1.3", true, "\x1b_Gi=31;OK\x1b\\", PictureProtocol::Kitty),
        ("Rio 0.2.20", true, "\x1b_Gi=31;ENOTSUPPORTED\x1b\\", PictureProtocol::Blocks),
        ("WezTerm 20240203-110809-5046fc22", false, "", PictureProtocol::Iterm2),
        ("iTerm2 3.5.0", false, "", PictureProtocol::Iterm2),
        ("Konsole 22.12.3", false, "", PictureProtocol::Blocks),
        ("XTerm(379)", false, "", PictureProtocol::Blocks),
    ] {
        // With and without `TMUX`: it may run at the near end of an SSH connection.
        for env in [TerminalEnv { tmux: true, ..TerminalEnv::default() }, TerminalEnv::default()] {
            let mut can = Capabilities::default();
            hear(&mut can, TMUX);
            can.complete = true;
            assert_eq!(text(pictures(&can)), format!("{wrapped}\x1b[16t"));
            assert!(!is_settled(&can, &env), "the outer terminal has not answered");
            hear(&mut can, &format!("\x1bP>|{outer}\x1b\\"));
            let next = graphics_of_outer(&can).map(|bytes| text(bytes).contains("\x1b\x1b_Gi=31"));
            assert_eq!(next, asked.then_some(true), "{outer}");
            hear(&mut can, answer);
            // iTerm2's images need to know where the pane is, which only a tmux on this machine tells.
            let wanted = match (wanted, env.tmux) {
                (PictureProtocol::Iterm2, false) => PictureProtocol::Blocks,
                (wanted, _) => wanted,
            };
            assert_eq!(best(&can, &env), wanted, "{outer}");
            assert!(is_settled(&can, &env) || answer.contains("ENOT"), "{outer}");
        }
    }
}

#[test]
fn a_terminal_that_tmux_was_attached_from_anew_is_another_one() {
    let mut can = Capabilities::default();
    hear(&mut can, TMUX);
    hear(&mut can, "\x1bP>|kitty(0.41.1)\x1b\\\x1b_Gi=31;OK\x1b\\");
    let env = TerminalEnv { tmux: true, ..TerminalEnv::default() };
    assert_eq!(best(&can, &env), PictureProtocol::Kitty);
    hear(&mut can, "\x1bP>|Konsole 22.12.3\x1b\\");
    assert_eq!(best(&can, &env), PictureProtocol::Blocks);
    hear(&mut can, "\x1bP>|kitty(0.41.1)\x1b\\");
    assert!(graphics_of_outer(&can).is_some(), "asked again");
}

/// What the terminal around tmux receives of bytes that are sent to tmux with passthrough.
fn received_around(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).expect("text");
    let wrapped = text.split("\x1bPtmux;").skip(1);
    wrapped
        .map(|wrapped| {
            let mut chars = wrapped.chars().peekable();
            let mut passed = String::new();
            while let Some(c) = chars.next() {
                match (c, chars.peek()) {
                    ('\x1b', Some('\x1b')) => passed.extend(chars.next()),
                    ('\x1b', Some('\\')) => return passed,
                    ('\x1b', other) => panic!("tmux passes nothing on at ESC {other:?}: {wrapped:?}"),
                    (c, _) => passed.push(c),
                }
            }
            panic!("not closed: {wrapped:?}")
        })
        .collect()
}

#[test]
fn the_palette_is_asked_of_the_terminal_around_tmux_and_makes_yellow_readable_there() {
    use crate::tui::terminal::palette::{LEAST, contrast};
    use ratatui::style::Color;
    let mut can = Capabilities::default();
    hear(&mut can, TMUX);
    assert_eq!(colours_of_outer(&can), None, "nobody around it is known");
    assert_eq!(received_around(&colours(&can)), "");
    // An xterm with its own colours: 3 is a yellow that cannot be read on white.
    hear(&mut can, "\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1bP>|XTerm(379)\x1b\\");
    let asked = colours_of_outer(&can).expect("asked");
    assert!(asked.starts_with(FOREGROUND.as_bytes()), "tmux itself may know the text colour");
    let asked = received_around(&asked);
    let questions: Vec<_> = asked.split_terminator("\x1b\\").map(str::to_owned).collect();
    let wanted: Vec<_> = std::iter::once("\x1b]10;?".to_owned())
        .chain((0..16).map(|number| format!("\x1b]4;{number};?")))
        .collect();
    assert_eq!(questions, wanted);
    let yellow = |can: &Capabilities| can.palette().readable(&[3], ColorDepth::TrueColor);
    assert_eq!(yellow(&can), None, "not known yet");
    hear(&mut can, "\x1b]10;rgb:0000/0000/0000\x1b\\\x1b]4;3;rgb:cdcd/cdcd/0000\x1b\\");
    let Some(Color::Rgb(r, g, b)) = yellow(&can) else { panic!("{:?}", yellow(&can)) };
    assert!(contrast(Rgb(r, g, b), Rgb(255, 255, 255)) >= LEAST && r > b && g > b, "{r},{g},{b}");
    assert!(can.palette().secondary(ColorDepth::TrueColor).is_some());
    // The same again costs nothing; Ctrl+L asks for all.
    hear(&mut can, "\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1bP>|XTerm(379)\x1b\\");
    assert_eq!(colours_of_outer(&can), None);
    assert_eq!(received_around(&colours(&can)), asked);
}

#[test]
fn another_terminal_around_tmux_or_another_ground_has_another_palette() {
    for (attached, is_another) in [
        ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1bP>|XTerm(379)\x1b\\", false),
        ("\x1b]11;rgb:0000/0000/0000\x1b\\\x1bP>|XTerm(379)\x1b\\", true),
        ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1bP>|kitty(0.26.5)\x1b\\", true),
    ] {
        let mut can = Capabilities::default();
        hear(&mut can, TMUX);
        hear(&mut can, "\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1bP>|XTerm(379)\x1b\\\x1b]4;3;rgb:cd/cd/0\x1b\\");
        hear(&mut can, attached);
        assert_eq!(can.colours[3].is_none(), is_another, "{attached:?}");
        assert_eq!(colours_of_outer(&can).is_some(), is_another, "{attached:?}");
    }
    // Not in tmux: there the ground may change with the theme of the desktop, and the answers come one by one.
    let mut can = Capabilities::default();
    hear(
        &mut can,
        "\x1bP>|XTerm(379)\x1b\\\x1b]11;rgb:ff/ff/ff\x1b\\\x1b]4;3;rgb:cd/cd/0\x1b\\\x1b]11;rgb:0/0/0\x1b\\",
    );
    assert!(can.colours[3].is_some() && colours_of_outer(&can).is_none());
}

#[test]
fn no_picture_goes_to_a_terminal_around_tmux_that_may_be_another_one() {
    let mut can = Capabilities::default();
    hear(&mut can, TMUX);
    can.doubt_outer();
    assert!(!can.in_doubt, "nobody has ever answered");
    hear(&mut can, "\x1bP>|kitty(0.41.1)\x1b\\\x1b_Gi=31;OK\x1b\\");
    assert!(can.takes_pictures());
    // Resized, or the focus came back.
    can.doubt_outer();
    assert!(can.in_doubt && !can.takes_pictures());
    hear(&mut can, "\x1bP>|tmux 3.5a\x1b\\\x1b]11;rgb:0/0/0\x1b\\");
    assert!(can.in_doubt, "that was tmux itself");
    hear(&mut can, "\x1bP>|kitty(0.41.1)\x1b\\");
    assert!(!can.in_doubt && can.takes_pictures(), "the same one, and its graphics are still known");
    can.doubt_outer();
    hear(&mut can, "\x1bP>|Konsole 22.12.3\x1b\\");
    let env = TerminalEnv { tmux: true, ..TerminalEnv::default() };
    assert!(!can.in_doubt && best(&can, &env) == PictureProtocol::Blocks);
    // One that never answers gets what all show.
    hear(&mut can, "\x1bP>|kitty(0.41.1)\x1b\\\x1b_Gi=31;OK\x1b\\");
    can.doubt_outer();
    can.forget_outer();
    assert!(can.takes_pictures() && best(&can, &env) == PictureProtocol::Blocks);
}

#[test]
fn a_tmux_with_sixel_shows_it_where_nothing_better_passes() {
    let mut can = Capabilities::default();
    hear(&mut can, "\x1bP>|tmux 3.5a\x1b\\\x1b[>84;0;0c\x1b[?1;2;4c");
    assert!(text(pictures(&can)).contains("\x1b[>0q"), "the outer terminal may have something better");
    // Whether the terminal around it has Sixel is known by tmux, and by the name.
    let local = |tmux_sixel| TerminalEnv { tmux: true, tmux_sixel, ..TerminalEnv::default() };
    assert_eq!(best(&can, &local(true)), PictureProtocol::Sixel);
    assert_eq!(best(&can, &local(false)), PictureProtocol::Blocks);
    assert_eq!(best(&can, &TerminalEnv::default()), PictureProtocol::Blocks);
    hear(&mut can, "\x1bP>|foot(1.21.0)\x1b\\");
    assert_eq!(best(&can, &TerminalEnv::default()), PictureProtocol::Sixel);
}

#[test]
fn colours_are_asked_for_where_they_are_not_known_and_nothing_prints_the_question() {
    for (told, term, asks) in [
        (ColorDepth::Ansi256, "xterm-256color", true),
        (ColorDepth::Ansi16, "xterm", true),
        (ColorDepth::TrueColor, "xterm-kitty", false),
        (ColorDepth::Mono, "xterm", false),
        (ColorDepth::Ansi256, "vte-256color", true),
        (ColorDepth::Ansi16, "vt420", false),
        (ColorDepth::Ansi16, "linux", false),
        (ColorDepth::Ansi16, "", false),
        (ColorDepth::Ansi16, "ansi", false),
        (ColorDepth::Ansi16, "eterm-color", false),
        (ColorDepth::Ansi256, "rxvt-unicode-256color", true),
        (ColorDepth::Ansi256, "screen-256color", false),
        (ColorDepth::Ansi256, "tmux-256color", false),
    ] {
        assert_eq!(!true_color(told, term).is_empty(), asks, "{term}");
    }
    assert_eq!(text(true_color(ColorDepth::Ansi16, "xterm")), "\x1b[48;2;1;2;3m\x1bP$qm\x1b\\\x1b[m");
}

#[test]
fn no_question_of_the_first_ones_is_a_string_that_a_terminal_could_print() {
    let who = text(who());
    assert!(!who.contains("\x1b_") && !who.contains("\x1bP"), "{who:?}");
}
