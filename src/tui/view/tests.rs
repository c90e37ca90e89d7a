//! Screens as text, at the sizes people have. A changed snapshot is looked at before it is accepted.

use super::SELECTED;
use crate::domain::run::{Connection, ConnectionSince, RunSummary};
use crate::domain::{Run, Status};
use crate::tui::msg::Msg;
use crate::tui::panes::params::FileState;
use crate::tui::stage::{Stage, key, run, runs_msg, tile};

/// A busy screen: runs in every state, one selected, with its details and its log.
fn busy(width: u16, height: u16) -> Stage {
    let mut stage = Stage::new(width, height);
    let lived = [
        run(44, "a cat", &[]),
        run(43, "A flamingo at dawn", &[Status::Waiting]),
        run(42, "A flamingo dancing", &[Status::Waiting, Status::Running]),
        run(41, "A flamingo dancing", &[Status::Waiting, Status::Running, Status::Done]),
        run(40, "猫の魔法使い 🧙 in a tower of books", &[Status::Running, Status::Failed]),
        run(39, "A cat sorcerer", &[Status::Running, Status::Cancelled]),
    ];
    stage.hear(runs_msg(lived.iter().map(RunSummary::from).collect()));
    stage.hear(Msg::Run(42, Some(Box::new(lived[2].clone()))));
    stage.hear(Msg::Log {
        run: 42,
        total: 2_113,
        first: 2_110,
        lines: vec![
            "\u{1b}[32mgot prompt\u{1b}[0m".to_owned(),
            "loaded completely 9.5 GB".to_owned(),
            " 45%|████▌     | 9/20 [00:05<00:06,  1.70it/s]".to_owned(),
        ],
    });
    stage
}

#[test]
fn a_busy_screen_at_120x40() {
    insta::assert_snapshot!(busy(120, 40).screen());
}

#[test]
fn a_busy_screen_at_80x24() {
    insta::assert_snapshot!(busy(80, 24).screen());
}

#[test]
fn runs_at_80x24() {
    let mut stage = busy(80, 24);
    stage.press("2");
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn a_failed_run_in_full() {
    let mut stage = busy(80, 24);
    stage.press("2 j j");
    stage.hear(Msg::Run(40, Some(Box::new(run(40, "猫の魔法使い", &[Status::Running, Status::Failed])))));
    stage.press("enter");
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn editing_a_prompt_with_a_file_checked() {
    let mut stage = busy(120, 40);
    stage.hear(Msg::File(key("52-inputs-image"), FileState::Good("1024×1024 PNG".to_owned())));
    stage.press("enter");
    stage.type_text(", neon");
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn nothing_open_at_80x24() {
    insta::assert_snapshot!(Stage::empty(80, 24).screen());
}

#[test]
fn help_and_palette() {
    let mut stage = busy(80, 24);
    stage.press("?");
    insta::assert_snapshot!("help", stage.screen());
    stage.press("esc :");
    stage.type_text("seed");
    insta::assert_snapshot!("palette", stage.screen());
}

#[test]
fn too_small_says_so() {
    let mut stage = busy(120, 40);
    stage.hear(Msg::Input(crossterm::event::Event::Resize(40, 10)));
    assert!(stage.screen().contains("needs 60×15, this is 40×10"), "{}", stage.screen());
}

#[test]
fn every_size_can_be_drawn() {
    let mut stage = busy(120, 40);
    for open in ["", "?", "esc :", "esc p", "esc S", "esc enter"] {
        stage.press(open);
        for (width, height) in [(1, 1), (2, 1), (1, 40), (59, 15), (60, 15), (100, 20), (200, 60), (500, 3)] {
            stage.hear(Msg::Input(crossterm::event::Event::Resize(width, height)));
            stage.draw();
        }
    }
}

#[test]
fn beside_the_tabs_what_a_pane_says_is_whole_at_every_width() {
    for width in 60..90 {
        let mut stage = busy(width, 24);
        for key in ["1", "2", "3", "5"] {
            stage.press(key);
            let screen = stage.screen();
            let titles = screen.lines().nth(1).expect("a title line").to_owned();
            assert!(!titles.contains('…'), "{width} {key}: {titles}");
            // A click on a name goes there.
            let regions = crate::tui::layout::regions(&stage.model).expect("regions");
            for tab in regions.tabs() {
                let shown: String =
                    titles.chars().skip(usize::from(tab.place.x) + 2).take(tab.name.len()).collect();
                assert_eq!(shown, tab.name, "{titles}");
            }
        }
    }
}

#[test]
fn messages_take_as_many_rows_as_they_have_lines() {
    let frame = |stage: &Stage| {
        let screen = stage.screen();
        let row = |corner: &str| screen.lines().position(|line| line.contains(corner)).expect("a frame");
        (row("╭"), row("╰"))
    };
    let mut stage = Stage::new(80, 24);
    stage.press("!");
    stage.model.messages.clear();
    assert_eq!(frame(&stage), (1, 3), "one line says that there are none");
    stage.press("esc");
    for number in 0..3 {
        stage.hear(Msg::Notice(crate::tui::notice::Tone::Bad, format!("message {number}")));
    }
    stage.press("!");
    assert_eq!(frame(&stage), (1, 5));
    stage.press("esc");
    for number in 3..60 {
        stage.hear(Msg::Notice(crate::tui::notice::Tone::Bad, format!("message {number}")));
    }
    stage.press("!");
    assert_eq!(frame(&stage), (1, 22), "all of the screen but its first and last row");
    assert!(stage.screen().contains("more ↓"));
}

#[test]
fn every_match_in_a_log_is_marked_and_the_current_one_stands_out() {
    use ratatui::style::Modifier;
    let mut stage = busy(80, 24);
    let lines = ["Sampler one, SAMPLER two", "\u{1b}[32msampler\u{1b}[0m", "none"];
    let lines = lines.map(str::to_owned).to_vec();
    stage.hear(Msg::Log { run: 42, total: 3, first: 0, lines });
    stage.press("4 /");
    stage.type_text("sampler");
    stage.press("enter");
    stage.hear(Msg::LogFound { run: 42, text: "sampler".to_owned(), line: Some(1) });
    let (buffer, _) = stage.draw();
    let marked = |modifier: Modifier| -> Vec<String> {
        let row = |y: u16| {
            let cells = (0..80).map(|x| &buffer[(x, y)]).filter(|cell| cell.modifier.contains(modifier));
            cells.map(ratatui::buffer::Cell::symbol).collect::<String>()
        };
        (2..5).map(row).collect()
    };
    assert_eq!(marked(Modifier::REVERSED), ["SamplerSAMPLER", "sampler", ""]);
    assert_eq!(marked(Modifier::REVERSED | Modifier::BOLD), ["", "sampler", ""]);
}

#[test]
fn a_run_that_works_has_a_bar_and_where_there_is_room_its_prompt() {
    let row = |stage: &Stage| {
        let screen = stage.screen();
        screen.lines().find(|line| line.contains("● 42")).map(str::to_owned).unwrap_or_default()
    };
    let shown = row(&busy(120, 40));
    assert!(shown.contains("━╌") || shown.contains("╸╌"), "{shown}");
    assert!(shown.contains(" 9/20  0:41 left ") && !shown.contains("A flamingo dancing"), "{shown}");
    let mut stage = busy(100, 40);
    stage.press("2 z");
    let shown = row(&stage);
    assert!(shown.contains("━╌") || shown.contains("╸╌"), "{shown}");
    assert!(shown.contains(" 9/20  0:41 left  A flamingo dancing"), "{shown}");
}

#[test]
fn the_connection_is_shown_while_runs_are_in_flight() {
    let connected = |stage: &mut Stage, state, since, lived: &[Status]| {
        let mut row = RunSummary::from(&run(7, "a cat", lived));
        row.connection = Some(ConnectionSince { state, since });
        stage.hear(runs_msg(vec![row]));
        let screen = stage.screen();
        screen.lines().next().unwrap_or_default().to_owned() + screen.lines().nth(2).unwrap_or_default()
    };
    for (width, height) in [(120, 40), (80, 24)] {
        let mut stage = Stage::new(width, height);
        stage.press("2");
        let working = [Status::Waiting, Status::Running];
        let screen = connected(&mut stage, Connection::Live, 0, &working);
        assert!(screen.contains("prod ● live"), "{screen}");
        let since = stage.model.now - 12_000;
        let screen = connected(&mut stage, Connection::Reconnecting, since, &working);
        assert!(screen.contains("prod ◌ reconnecting 0:12"), "{screen}");
        assert!(stage.screen().matches("reconnecting").count() >= 2, "in the row too: {}", stage.screen());
        let screen = connected(&mut stage, Connection::Polling, 0, &working);
        assert!(screen.contains("prod ◦ polling"), "{screen}");
        let screen = connected(&mut stage, Connection::Live, 0, &[Status::Running, Status::Done]);
        assert!(!screen.contains("live"), "{screen}");
    }
}

#[test]
fn parameters_of_another_workflow_are_listed_with_full_names() {
    let mut stage = busy(80, 24);
    let mut other = run(42, "a cat", &[Status::Running]);
    other.request.params = [(key("106-inputs-text"), "a cat in a tower".into())].into_iter().collect();
    stage.hear(Msg::Run(42, Some(Box::new(other))));
    stage.press("3");
    let screen = stage.screen();
    assert!(screen.contains("\n 106-inputs-text\n             a cat in a tower\n"), "{screen}");
}

#[test]
fn no_label_stands_with_nothing_behind_it() {
    let mut stage = Stage::new(80, 24);
    let mut waiting = run(1, "a cat", &[Status::Waiting, Status::Failed]);
    let began = waiting.queued_at;
    waiting.phases.iter_mut().for_each(|(_, at)| *at = began);
    stage.hear(runs_msg(vec![RunSummary::from(&waiting)]));
    stage.hear(Msg::Run(1, Some(Box::new(waiting))));
    stage.press("3");
    let screen = stage.screen();
    assert!(screen.contains("status") && !screen.lines().any(|line| line.trim() == "time"), "{screen}");
}

#[test]
fn a_log_without_a_line_says_why_and_whole() {
    let empty = |run| Msg::Log { run, total: 0, first: 0, lines: vec![] };
    for (lived, expected) in [
        (&[][..], "Nothing has been sent yet."),
        (&[Status::Waiting], "A cold start can take minutes."),
        (&[Status::Waiting, Status::Failed], "This run has no log."),
    ] {
        let mut stage = Stage::new(60, 24);
        stage.hear(runs_msg(vec![RunSummary::from(&run(1, "a cat", lived))]));
        stage.press("4");
        assert!(stage.screen().contains("Reading the log…"), "{}", stage.screen());
        stage.hear(empty(1));
        let said = stage.screen().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn help_is_whole_at_80_columns_and_scrolls_no_further_than_its_end() {
    let mut stage = busy(80, 24);
    stage.press("?");
    let mut seen = stage.screen();
    for _ in 0..200 {
        stage.press("down");
        seen.push_str(&stage.screen());
    }
    assert!(!seen.contains('…'), "{seen}");
    assert!(seen.contains("asked first") && !seen.contains("only key"), "{seen}");
    // One key back is one line back, however often Down was pressed at the end.
    let end = stage.screen();
    stage.press("up");
    assert_ne!(stage.screen(), end);
}

#[test]
fn help_lists_a_common_command_once() {
    let mut stage = busy(80, 24);
    stage.press("?");
    stage.type_text("copy the path");
    let screen = stage.screen();
    assert_eq!(screen.matches("Copy the path").count(), 1, "{screen}");
    assert!(screen.contains("As in Runs"), "{screen}");
}

/// The gallery with every kind of tile.
fn gallery(width: u16, height: u16) -> Stage {
    use crate::picture::{Block, Cells, Form, Picture};
    use crate::tui::panes::gallery::{Thumb, ThumbOrder};
    use crate::tui::query::OutputsQuery;
    let mut stage = Stage::new(width, height);
    stage.press("V");
    let mut tiles: Vec<_> =
        (30..=40).rev().map(|run| tile(run, &format!("flamingo_{run:05}_.png"), "image/png")).collect();
    tiles[1].card.starred = true;
    tiles[2] = tile(38, "dance_00001_.mp4", "video/mp4");
    tiles[3] = tile(37, "caption.txt", "text/plain");
    tiles[4] = tile(36, "speech.flac", "audio/flac");
    tiles[5].gone = true;
    tiles[6] = tile(34, "猫の魔法使いと本の塔_00001_.png", "image/png");
    stage.hear(Msg::Outputs {
        query: OutputsQuery { limit: 100, ..Default::default() },
        tiles: tiles.clone(),
        more: true,
    });
    let form = stage.model.gallery.form;
    let room = form.room;
    stage.model.gallery.is_shape_known = true;
    for (at, tile) in tiles.into_iter().enumerate() {
        let output = tile.card.output;
        let order = ThumbOrder { sha256: output.sha256, path: output.path, size: output.size, form };
        let cells = match at {
            // Some are wide, some are high; one is not here yet.
            0 | 6 => Cells { width: room.width, height: room.height / 2 },
            1 => Cells { width: room.height, height: room.height },
            2 => {
                stage.hear(Msg::Thumb(
                    order,
                    Thumb::Nothing("install ffmpeg to see a frame of a video here".to_owned()),
                ));
                continue;
            }
            5 => {
                stage.hear(Msg::Thumb(
                    order,
                    Thumb::Nothing("the file is gone: /home/ada/pictures".to_owned()),
                ));
                continue;
            }
            _ => continue,
        };
        let halves = (0..cells.count()).map(|at| Block::half([at as u8, 0, 99], [0, at as u8, 99])).collect();
        let picture = Picture { cells, form: Form::Blocks(halves) };
        stage.hear(Msg::Thumb(order, Thumb::Picture(std::sync::Arc::new(picture), room.height)));
    }
    stage.press("space right");
    stage
}

#[test]
fn the_gallery_at_80x24() {
    insta::assert_snapshot!(gallery(80, 24).screen());
}

#[test]
fn the_gallery_at_120x40() {
    insta::assert_snapshot!(gallery(120, 40).screen());
}

#[test]
fn the_gallery_can_be_drawn_at_every_size() {
    let mut stage = gallery(80, 24);
    for (width, height) in [(1, 1), (59, 15), (60, 15), (100, 20), (200, 60), (500, 15), (60, 200), (80, 24)]
    {
        stage.hear(Msg::Input(crossterm::event::Event::Resize(width, height)));
        stage.draw();
        stage.press("d");
        stage.draw();
        stage.press("n G");
        stage.draw();
        stage.press("g");
    }
}

/// Two outputs of the gallery compared, the pictures made.
fn compared(width: u16, height: u16, before: Run, after: Run) -> Stage {
    use crate::picture::{Block, Cells, Form, Picture, PictureProtocol};
    use crate::tui::effect::{Effect, ScreenEffect};
    use crate::tui::panes::compare::places::half;
    use crate::tui::panes::output::PictureMeans;
    let mut stage = gallery(width, height);
    stage.hear(Msg::Means(PictureMeans { best: Some(PictureProtocol::Blocks), ..Default::default() }));
    stage.press("C");
    let effects = stage.hear(Msg::Pair([39, 40], Box::new([Some(before), Some(after)])));
    let order = effects.into_iter().find_map(|effect| match effect {
        Effect::Screen(ScreenEffect::ComparePictures(order)) => Some(order),
        _ => None,
    });
    let order = order.expect("the pictures are asked for");
    let picture = |cells: Cells| {
        std::sync::Arc::new(Picture {
            cells,
            form: Form::Blocks(vec![Block::half([9; 3], [9; 3]); cells.count()]),
        })
    };
    let width = if order.beside { half(order.room.width) } else { order.room.width };
    let pictures = vec![picture(Cells { width, ..order.room }); 2];
    stage.hear(Msg::Compared(order, Ok(pictures)));
    stage
}

fn two_runs() -> (Run, Run) {
    let mut before =
        run(39, "A flamingo dancing on top of a server in a pink universe, masterpiece, best quality", &[]);
    let mut after =
        run(40, "A flamingo asleep on top of a server in a pink universe, masterpiece, neon", &[]);
    for (run, seed, steps) in [(&mut before, 7, 20), (&mut after, 1_048_576, 30)] {
        run.request.params.insert(key("3-inputs-seed"), seed.into());
        run.request.params.insert(key("3-inputs-steps"), steps.into());
        run.request.params.insert(key("3-inputs-cfg"), 6.into());
        run.request.params.insert(key("7-inputs-text"), "blurry".into());
    }
    after.request.params.insert(key("3-inputs-sampler_name"), "euler".into());
    after.request.preset = None;
    (before, after)
}

#[test]
fn a_comparison_at_80x24_and_at_120x40() {
    let (before, after) = two_runs();
    insta::assert_snapshot!("compare_80x24", compared(80, 24, before.clone(), after.clone()).screen());
    let mut stage = compared(120, 40, before, after);
    insta::assert_snapshot!("compare_120x40", stage.screen());
    stage.press("space space o");
    let screen = stage.screen();
    assert!(screen.contains("in one place, 2 of 2   1:1, arrows move"), "{screen}");
    assert!(screen.contains("B 40 flamingo_00040_.png") && !screen.contains("A ★ 39"), "{screen}");
}

#[test]
fn what_is_the_same_is_said() {
    let (before, _) = two_runs();
    let stage = compared(80, 24, before.clone(), before);
    assert!(stage.screen().contains("All parameters are the same"), "{}", stage.screen());
    let mut stage = gallery(80, 24);
    let sha256 = stage.model.gallery.list.rows[0].card.output.sha256.clone();
    stage.model.gallery.list.rows[1].card.output.sha256 = sha256;
    stage.press("C");
    let screen = stage.screen();
    assert!(screen.contains("Both have the same content"), "{screen}");
    assert!(screen.contains("Reading their parameters"), "{screen}");
    stage.hear(Msg::Pair([39, 40], Box::new([None, None])));
    assert!(stage.screen().contains("cannot be read"), "{}", stage.screen());
}

#[test]
fn a_comparison_can_be_drawn_at_every_size() {
    let (before, after) = two_runs();
    let mut stage = compared(80, 24, before, after);
    for keys in ["", "space", "o j l", "b"] {
        stage.press(keys);
        for (width, height) in [(1, 1), (59, 15), (60, 15), (61, 200), (200, 60), (500, 15), (80, 24)] {
            stage.hear(Msg::Input(crossterm::event::Event::Resize(width, height)));
            stage.draw();
        }
    }
}

#[test]
fn a_parked_cursor_stands_at_what_is_selected() {
    let mut stage = busy(80, 24);
    assert_eq!(stage.draw().1, None);
    stage.model.park_cursor = true;
    let symbol = |stage: &Stage| {
        let (buffer, cursor) = stage.draw();
        cursor.map(|at| buffer[at].symbol().to_owned())
    };
    assert_eq!(symbol(&stage).as_deref(), Some(SELECTED));
    let before = stage.draw().1;
    stage.press("j");
    assert_eq!(symbol(&stage).as_deref(), Some(SELECTED));
    assert_ne!(stage.draw().1, before);
    // In a list too, above the text that is typed.
    stage.press(": down");
    assert_eq!(symbol(&stage).as_deref(), Some(SELECTED));
    // The log has a bar of its own, which is no selection.
    stage.press("esc 3");
    assert_ne!(symbol(&stage).as_deref(), Some(SELECTED));
}
