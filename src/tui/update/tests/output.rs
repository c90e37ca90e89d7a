//! Tests of the output pane.

use std::sync::Arc;

use super::*;
use crate::domain::Run;
use crate::picture::{CellSize, Cells, Form, Picture, PictureProtocol};
use crate::tui::panes::output::{PictureMeans, RenderOrder, Rendered, RenderedBody};

const CELL: CellSize = CellSize { width: 10, height: 20 };

/// A run with so many outputs.
fn made(id: i64, outputs: usize) -> Run {
    let mut run = run(id, "a cat", &[Status::Running, Status::Done]);
    let first = run.outputs[0].clone();
    run.outputs = (0..outputs)
        .map(|n| {
            let mut output = first.clone();
            output.path = format!("/pictures/{id}_{n}.png").into();
            output.name = format!("{id}_{n}.png");
            output
        })
        .collect();
    run
}

/// A screen with runs 2 and 1, of which 2 is selected, on a terminal that has Kitty's graphics.
fn stage() -> Stage {
    let mut stage = wide();
    stage.hear(Msg::Means(PictureMeans {
        best: Some(PictureProtocol::Kitty),
        cell: CELL,
        colourless: false,
    }));
    stage.hear(runs_msg([made(2, 3), made(1, 1)].iter().map(RunSummary::from).collect()));
    stage
}

fn render_orders(effects: Vec<Effect>) -> Vec<RenderOrder> {
    let order = |effect| match effect {
        Effect::Screen(ScreenEffect::Render(order, _)) => Some(order),
        _ => None,
    };
    effects.into_iter().filter_map(order).collect()
}

fn paths(effects: Vec<Effect>) -> Vec<String> {
    render_orders(effects).into_iter().map(|order| order.path.display().to_string()).collect()
}

fn picture(frames: usize) -> Rendered {
    let cells = Cells { width: 20, height: 10 };
    let one = |n: usize| Arc::new(Picture { cells, form: Form::Kitty(vec![n as u8; 9]) });
    Rendered {
        kind: "image/png",
        bytes: 1_449_000,
        facts: vec!["1024×1024".to_owned()],
        body: RenderedBody::Picture {
            frames: (0..frames).map(|n| (one(n), 100)).collect(),
            moves: frames > 1,
        },
    }
}

/// The answer to what was asked for last.
fn answer(stage: &mut Stage, rendered: Rendered) -> Vec<Effect> {
    let order = stage.model.output.asked.clone().expect("something is asked for");
    stage.hear(Msg::Rendered(order, Ok(rendered)))
}

fn is_drawn(stage: &Stage) -> bool {
    crate::tui::panes::output::view::placement(&stage.model).is_some()
}

#[test]
fn the_selected_runs_output_is_looked_at_once() {
    let mut stage = stage();
    let asked = render_orders(stage.hear(Msg::Run(2, Some(Box::new(made(2, 3))))));
    let room = Cells { width: 57, height: 28 };
    let path = "/pictures/2_0.png".into();
    assert_eq!(
        asked,
        [RenderOrder {
            path,
            preview: 0,
            room,
            cell: CELL,
            protocol: Some(PictureProtocol::Kitty),
            play: false
        }]
    );
    assert_eq!(render_orders(stage.hear(Msg::Tick)), []);
    assert!(stage.screen().contains("Decoding…"));
    answer(&mut stage, picture(1));
    assert!(is_drawn(&stage));
    let screen = stage.screen();
    assert!(screen.contains("2_0.png") && screen.contains("1024×1024  1.4 MB"), "{screen}");
    assert!(screen.contains("run 2   1 of 3"), "{screen}");
}

#[test]
fn outputs_are_gone_through_in_a_ring() {
    let mut stage = stage();
    stage.hear(Msg::Run(2, Some(Box::new(made(2, 3)))));
    assert_eq!(paths(stage.press("]")), ["/pictures/2_1.png"]);
    assert_eq!(paths(stage.press("5 right right")), ["/pictures/2_2.png", "/pictures/2_0.png"]);
    assert_eq!(paths(stage.press("left")), ["/pictures/2_2.png"]);
    // What is done with an output is done with the one that is seen.
    assert_eq!(stage.press("y"), [Effect::Screen(ScreenEffect::Copy("/pictures/2_2.png".to_owned()))]);
}

#[test]
fn another_run_takes_the_picture_away_at_once_and_an_old_answer_changes_nothing() {
    let mut stage = stage();
    stage.hear(Msg::Run(2, Some(Box::new(made(2, 3)))));
    answer(&mut stage, picture(1));
    let old = stage.model.output.asked.clone().expect("asked");
    stage.press("2 j");
    assert!(!is_drawn(&stage), "nothing of another run stands there");
    assert!(stage.screen().contains("Reading the run…"));
    assert_eq!(paths(stage.hear(Msg::Run(1, Some(Box::new(made(1, 1)))))), ["/pictures/1_0.png"]);
    stage.hear(Msg::Rendered(old, Ok(picture(1))));
    assert!(!is_drawn(&stage));
    answer(&mut stage, picture(1));
    assert!(is_drawn(&stage));
}

#[test]
fn another_size_or_way_of_drawing_asks_anew() {
    let mut stage = stage();
    stage.hear(Msg::Run(2, Some(Box::new(made(2, 3)))));
    let resized = render_orders(stage.hear(Msg::Input(crossterm::event::Event::Resize(140, 50))));
    assert_eq!(resized.len(), 1);
    answer(&mut stage, picture(1));
    let zoomed = render_orders(stage.press("5 z"));
    assert_eq!(zoomed[0].room.width, 138);
    assert!(!is_drawn(&stage));
    let kinds: Vec<_> =
        (0..6).flat_map(|_| render_orders(stage.press("t"))).map(|order| order.protocol).collect();
    let all =
        [PictureProtocol::Kitty, PictureProtocol::Iterm2, PictureProtocol::Sixel, PictureProtocol::Blocks]
            .map(Some);
    // What auto is here already is not asked for again.
    assert_eq!(kinds, [&all[1..], &[None], &all[..1]].concat());
}

#[test]
fn until_the_terminal_has_answered_nothing_is_decoded() {
    let mut stage = wide();
    stage.hear(runs_msg(vec![RunSummary::from(&made(1, 1))]));
    assert_eq!(render_orders(stage.hear(Msg::Run(1, Some(Box::new(made(1, 1)))))), []);
    assert!(stage.screen().contains("Asking the terminal"), "{}", stage.screen());
    let blocks = PictureMeans { best: Some(PictureProtocol::Blocks), cell: CELL, colourless: false };
    assert_eq!(render_orders(stage.hear(Msg::Means(blocks)))[0].protocol, Some(PictureProtocol::Blocks));
    let colourless = PictureMeans { colourless: true, ..blocks };
    assert_eq!(render_orders(stage.hear(Msg::Means(colourless)))[0].protocol, None);
}

#[test]
fn what_cannot_be_seen_is_not_decoded() {
    let mut stage = Stage::new(80, 24);
    stage.hear(Msg::Means(PictureMeans {
        best: Some(PictureProtocol::Kitty),
        cell: CELL,
        colourless: false,
    }));
    stage.hear(runs_msg(vec![RunSummary::from(&made(1, 1))]));
    assert_eq!(render_orders(stage.hear(Msg::Run(1, Some(Box::new(made(1, 1)))))), []);
    assert_eq!(render_orders(stage.press("5")).len(), 1);
}

#[test]
fn a_film_is_played_on_request_and_ends() {
    let mut stage = stage();
    stage.hear(Msg::Run(2, Some(Box::new(made(2, 1)))));
    answer(
        &mut stage,
        Rendered { body: RenderedBody::Picture { frames: picture(1).frames(), moves: true }, ..picture(1) },
    );
    assert_eq!(stage.press("5"), []);
    let asked = render_orders(stage.press("space"));
    assert!(asked[0].play);
    assert!(is_drawn(&stage), "the still stands until the film is there");
    assert_eq!(answer(&mut stage, picture(3)), [Effect::Screen(ScreenEffect::FrameIn(100))]);
    assert_eq!(stage.hear(Msg::NextFrame), [Effect::Screen(ScreenEffect::FrameIn(100))]);
    assert!(stage.screen().contains("frame 2 of 3"), "{}", stage.screen());
    stage.hear(Msg::NextFrame);
    stage.model.now += 10_000;
    // Its time is over, and the better still comes back.
    let end = render_orders(stage.hear(Msg::NextFrame));
    assert!(!end[0].play && !stage.model.output.playing);
    assert_eq!(stage.hear(Msg::NextFrame), []);
}

#[test]
fn what_does_not_move_is_not_played() {
    let mut stage = stage();
    stage.hear(Msg::Run(2, Some(Box::new(made(2, 1)))));
    answer(&mut stage, picture(1));
    assert_eq!(stage.press("5 space"), []);
    assert_eq!(stage.told(), "This output is not an animation");
}

#[test]
fn texts_are_read_and_what_is_wrong_is_said() {
    let mut stage = stage();
    stage.hear(Msg::Run(2, Some(Box::new(made(2, 1)))));
    let lines = (0..50).map(|n| format!("line {n}")).collect();
    let text = Rendered {
        kind: "text/plain",
        facts: Vec::new(),
        body: RenderedBody::Text(lines, true),
        ..picture(1)
    };
    answer(&mut stage, text);
    assert!(stage.screen().contains("line 0") && !is_drawn(&stage));
    stage.press("5 pagedown");
    assert!(!stage.screen().contains("line 0 ") && stage.screen().contains("line 30"));
    stage.press("G");
    assert!(stage.screen().contains("… the file continues"), "{}", stage.screen());
    let order = stage.model.output.asked.clone().expect("asked");
    stage.hear(Msg::Rendered(order, Err("The picture is broken: no end".to_owned())));
    assert!(stage.screen().contains("The picture is broken: no end"));
}

#[test]
fn a_run_without_outputs_says_why() {
    let mut stage = stage();
    let mut failed = run(2, "a cat", &[Status::Running, Status::Failed]);
    stage.hear(Msg::Run(2, Some(Box::new(failed.clone()))));
    let screen = stage.screen();
    for said in ["✗ KSampler: out of memory", "Make the picture smaller", "3 shows details; Enter there goes"]
    {
        assert!(screen.contains(said), "{said}: {screen}");
    }
    (failed.status, failed.error) = (Status::Done, None);
    stage.hear(Msg::Run(2, Some(Box::new(failed))));
    assert!(stage.screen().contains("This run made no output"));
    assert_eq!(stage.press("]"), []);
    assert_eq!(stage.told(), "This run has no output");
}

impl Rendered {
    fn frames(self) -> Vec<(crate::picture::Shared, u32)> {
        match self.body {
            RenderedBody::Picture { frames, .. } => frames,
            _ => Vec::new(),
        }
    }
}

#[test]
fn why_there_is_no_picture_is_said_with_what_to_do() {
    let mut stage = wide();
    stage.hear(Msg::Means(PictureMeans {
        best: Some(PictureProtocol::Blocks),
        cell: CELL,
        colourless: true,
    }));
    let done = run(7, "a cat", &[Status::Running, Status::Done]);
    stage.hear(runs_msg(vec![RunSummary::from(&done)]));
    stage.press("5");
    let asked = stage.hear(Msg::Run(7, Some(Box::new(done))));
    let Some(Effect::Screen(ScreenEffect::Render(order, _))) =
        asked.iter().find(|effect| matches!(effect, Effect::Screen(ScreenEffect::Render(..))))
    else {
        panic!("{asked:?}")
    };
    assert_eq!(order.protocol, None);
    let off = Rendered { kind: "image/png", bytes: 1, facts: Vec::new(), body: RenderedBody::Off };
    stage.hear(Msg::Rendered(order.clone(), Ok(off)));
    let screen = stage.screen();
    assert!(screen.contains("no colours here") && screen.contains("t chooses another"), "{screen}");
}

#[test]
fn the_last_picture_stays_in_sight_until_the_next_one_is_there() {
    let mut stage = wide();
    let done = [Status::Running, Status::Done];
    let read = |stage: &mut Stage, id: i64, lived: &[Status]| {
        stage.hear(Msg::Run(id, Some(Box::new(run(id, "a cat", lived)))))
    };
    stage.hear(runs_msg(summaries(&[(1, &done)])));
    read(&mut stage, 1, &done);
    let seen = |stage: &Stage| (stage.model.runs.list.selected, stage.model.output.run);
    assert_eq!(seen(&stage), (Some(1), Some(1)));
    // The next one waits, then works: the log is its, the picture is the last one's.
    for lived in [&[][..], &[Status::Waiting], &[Status::Running]] {
        stage.hear(Msg::Submitted { run: 2, note: String::new(), waits: None });
        stage.hear(runs_msg(summaries(&[(2, lived), (1, &done)])));
        assert_eq!(seen(&stage), (Some(2), Some(1)), "while it is being read");
        read(&mut stage, 2, lived);
        assert_eq!(seen(&stage), (Some(2), Some(1)));
        assert!(stage.screen().contains("run 1   1 of 1"), "{}", stage.screen());
    }
    stage.hear(runs_msg(summaries(&[(2, &done), (1, &done)])));
    read(&mut stage, 2, &done);
    assert_eq!(seen(&stage), (Some(2), Some(2)));
    // Of one that failed it is told why.
    stage.hear(Msg::Submitted { run: 3, note: String::new(), waits: None });
    stage.hear(runs_msg(summaries(&[(3, &[Status::Running]), (2, &done)])));
    read(&mut stage, 3, &[Status::Running]);
    assert_eq!(seen(&stage), (Some(3), Some(2)));
    stage.hear(runs_msg(summaries(&[(3, &[Status::Running, Status::Failed]), (2, &done)])));
    read(&mut stage, 3, &[Status::Running, Status::Failed]);
    assert_eq!(seen(&stage), (Some(3), Some(3)));
}

#[test]
fn a_screen_that_opens_on_a_queue_asks_for_the_last_picture() {
    let mut stage = wide();
    let done = [Status::Running, Status::Done];
    stage.hear(runs_msg(summaries(&[(3, &[Status::Running]), (2, &done), (1, &done)])));
    let asked = stage.hear(Msg::Run(3, Some(Box::new(run(3, "a cat", &[Status::Running])))));
    assert!(asked.contains(&Effect::Ask(Question::Made(2))), "{asked:?}");
    stage.hear(Msg::Made(2, Some(Box::new(run(2, "a cat", &done)))));
    assert_eq!(stage.model.output.run, Some(2));
}
