//! The gallery: what is asked for, what keys do, what is kept.

use std::sync::Arc;

use super::*;
use crate::domain::{About, OutputCard, OutputId, Remark, Search};
use crate::picture::{Block, Cells, Form, Picture, PictureProtocol};
use crate::tui::overlay::Confirmed;
use crate::tui::panes::gallery::{Thumb, ThumbOrder, Tile};
use crate::tui::query::{OutputsFilter, OutputsQuery};
use crate::tui::stage::tile;

/// Outputs of runs, newest first, one each.
fn tiles(runs: std::ops::RangeInclusive<i64>) -> Vec<Tile> {
    runs.rev().map(|run| tile(run, &format!("flamingo_{run:05}_.png"), "image/png")).collect()
}

fn query(filter: OutputsFilter, before: Option<i64>, limit: usize) -> OutputsQuery {
    OutputsQuery { filter, before: before.map(id), limit }
}

fn all(limit: usize) -> Effect {
    Effect::Ask(Question::Outputs(query(OutputsFilter::default(), None, limit)))
}

fn id(run: i64) -> OutputId {
    OutputId { run, place: 0 }
}

fn page(tiles: Vec<Tile>, more: bool) -> Msg {
    Msg::Outputs { query: query(OutputsFilter::default(), None, 100), tiles, more }
}

/// The gallery with outputs of some runs; their thumbnails have been asked for.
fn gallery(width: u16, height: u16, runs: std::ops::RangeInclusive<i64>) -> Stage {
    let mut stage = Stage::new(width, height);
    stage.press("V");
    stage.model.gallery.is_shape_known = true;
    stage.hear(page(tiles(runs), false));
    stage
}

fn selected(stage: &Stage) -> i64 {
    stage.model.gallery.list.selected.map_or(0, |id| id.run)
}

fn ordered(effects: &[Effect]) -> Vec<i64> {
    let orders = effects.iter().find_map(|effect| match effect {
        Effect::Screen(ScreenEffect::MakeThumbs(orders)) => Some(orders),
        _ => None,
    });
    let run = |order: &ThumbOrder| order.sha256.trim_start_matches('0').parse().expect("a number");
    orders.map(|orders| orders.iter().map(run).collect()).unwrap_or_default()
}

fn thumb(stage: &Stage, run: i64) -> Msg {
    let tile = tile(run, "a.png", "image/png");
    let output = tile.card.output;
    let form = stage.model.gallery.form;
    let picture = Picture {
        cells: Cells { width: 1, height: 1 },
        form: Form::Blocks(vec![Block::half([9; 3], [9; 3])]),
    };
    let order = ThumbOrder { sha256: output.sha256, path: output.path, size: output.size, form };
    Msg::Thumb(order, Thumb::Picture(Arc::new(picture), 1))
}

#[test]
fn the_gallery_opens_reads_and_goes_back_where_it_was_opened() {
    let mut stage = Stage::new(80, 24);
    stage.press("4");
    assert_eq!(stage.press("V"), [all(100)]);
    assert_eq!(stage.model.focus, Pane::Gallery);
    stage.hear(page(tiles(1..=3), false));
    assert_eq!(selected(&stage), 3);
    stage.press("esc");
    assert_eq!(stage.model.focus, Pane::Log);
    // What nobody looks at is not read.
    let outputs = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Ask(Question::Outputs(_))));
    assert!(!outputs(&stage.hear(Msg::StoreChanged)));
    assert!(outputs(&stage.press("V")));
    stage.press("V");
    assert_eq!(stage.model.focus, Pane::Log);
}

#[test]
fn while_one_answer_is_awaited_changes_ask_once_more() {
    let mut stage = Stage::new(80, 24);
    stage.press("V");
    let asked = |effects: Vec<Effect>| {
        effects.into_iter().filter(|e| matches!(e, Effect::Ask(Question::Outputs(_)))).count()
    };
    assert_eq!(asked(stage.hear(Msg::StoreChanged)), 0);
    assert_eq!(asked(stage.hear(Msg::StoreChanged)), 0);
    assert_eq!(asked(stage.hear(page(tiles(1..=1), false))), 1);
    assert_eq!(asked(stage.hear(page(tiles(1..=2), false))), 0);
}

#[test]
fn arrows_go_through_the_grid_and_stay_in_it() {
    // Four columns, two rows.
    let mut stage = gallery(80, 24, 1..=11);
    for (keys, run) in [
        ("left up", 11),
        ("right", 10),
        ("right j", 5),
        ("j", 1),
        ("j", 1),
        ("k", 5),
        ("right j", 1),
        ("g", 11),
        ("G", 1),
        ("pageup", 9),
        ("pagedown", 1),
        ("home down down", 3),
        ("right right", 1),
    ] {
        stage.press(keys);
        assert_eq!(selected(&stage), run, "{keys}");
    }
    assert_eq!(stage.model.gallery.scroll, 1);
}

#[test]
fn older_outputs_are_asked_for_before_the_end_is_in_sight() {
    let mut stage = Stage::new(80, 24);
    stage.press("V");
    let effects = stage.hear(page(tiles(101..=200), true));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Ask(Question::Outputs(_)))), "{effects:?}");
    let effects = stage.press("G");
    let older = query(OutputsFilter::default(), Some(101), 100);
    assert!(effects.contains(&Effect::Ask(Question::Outputs(older.clone()))), "{effects:?}");
    stage.hear(Msg::Outputs { query: older, tiles: tiles(1..=100), more: false });
    assert_eq!((stage.model.gallery.list.rows.len(), selected(&stage)), (200, 101));
    // What was loaded below stays when the newest are read again.
    stage.hear(Msg::StoreChanged);
    stage.hear(Msg::Outputs {
        query: query(OutputsFilter::default(), None, 200),
        tiles: tiles(2..=201),
        more: true,
    });
    assert_eq!((stage.model.gallery.list.rows.len(), selected(&stage)), (201, 101));
}

#[test]
fn the_filters_of_the_runs_and_the_star_are_asked_for() {
    let mut stage = gallery(80, 24, 1..=3);
    let starred = OutputsFilter { starred: true, ..OutputsFilter::default() };
    assert_eq!(stage.press("F"), [Effect::Ask(Question::Outputs(query(starred.clone(), None, 100)))]);
    // An answer to what is no longer asked is passed over.
    stage.press("F");
    let effects =
        stage.hear(Msg::Outputs { query: query(starred, None, 100), tiles: tiles(1..=1), more: false });
    assert_eq!((stage.model.gallery.list.rows.len(), effects), (3, vec![all(100)]));
    stage.hear(page(tiles(1..=3), false));
    stage.hear(runs_msg(vec![]));
    let runs = RunsFilter { status: Some(Status::Running), ..RunsFilter::default() };
    let running = OutputsFilter { runs, ..OutputsFilter::default() };
    stage.press("f");
    stage.type_text("running");
    let effects = stage.press("enter");
    assert!(
        effects.contains(&Effect::Ask(Question::Outputs(query(running.clone(), None, 100)))),
        "{effects:?}"
    );
    stage.hear(Msg::Outputs { query: query(running, None, 100), tiles: vec![], more: false });
    assert!(stage.screen().contains("No matching run"), "{}", stage.screen());
    // The first Esc takes the filter back, the next one leaves.
    assert!(stage.press("esc").contains(&all(100)));
    assert_eq!(stage.model.focus, Pane::Gallery);
    stage.press("esc");
    assert_ne!(stage.model.focus, Pane::Gallery);
}

#[test]
fn a_search_is_applied_while_it_is_typed() {
    let mut stage = gallery(80, 24, 1..=3);
    stage.press("/");
    let effects = stage.type_text("c");
    let runs = RunsFilter { search: "c".to_owned(), wanted: Search::words("c"), ..RunsFilter::default() };
    let filter = OutputsFilter { runs, ..OutputsFilter::default() };
    assert!(effects.contains(&Effect::Ask(Question::Outputs(query(filter, None, 100)))), "{effects:?}");
}

#[test]
fn what_is_seen_is_made_first_then_the_page_below() {
    let mut stage = Stage::new(80, 24);
    stage.press("V");
    stage.model.gallery.is_shape_known = true;
    let effects = stage.hear(page(tiles(1..=40), false));
    assert_eq!(ordered(&effects), (25..=40).rev().collect::<Vec<_>>(), "eight are seen, eight are below");
    // What comes in is not asked for again, nor does moving within the page ask.
    assert_eq!(stage.hear(thumb(&stage, 40)), []);
    assert_eq!(stage.press("right right"), []);
    // Further down, what has scrolled away is no longer wanted.
    let effects = stage.press("pagedown pagedown");
    let last = effects.last().map(|effect| ordered(std::slice::from_ref(effect))).unwrap_or_default();
    let rows = |from: i64, to: i64| (to..=from).rev();
    let expected: Vec<i64> = rows(28, 21).chain(rows(20, 13)).chain(rows(36, 29)).collect();
    assert_eq!(last, expected);
}

#[test]
fn a_thumbnail_of_another_size_is_not_taken() {
    let mut stage = gallery(80, 24, 1..=3);
    let late = thumb(&stage, 3);
    let effects = stage.hear(Msg::Input(crossterm::event::Event::Resize(120, 40)));
    assert_eq!(ordered(&effects), [3, 2, 1], "all are made anew");
    stage.hear(late);
    assert!(stage.model.gallery.thumbs.is_empty());
    stage.hear(thumb(&stage, 3));
    assert_eq!(stage.model.gallery.thumbs.len(), 1);
}

#[test]
fn the_same_picture_twice_is_made_once_and_texts_never() {
    let mut stage = Stage::new(80, 24);
    stage.press("V");
    let mut twice = tile(5, "copy.png", "image/png");
    twice.card.output.sha256 = tile(4, "", "").card.output.sha256;
    let list =
        vec![twice, tile(4, "a.png", ""), tile(3, "a.txt", "text/plain"), tile(2, "a.wav", "audio/wav")];
    let effects = stage.hear(page(list, false));
    assert_eq!(ordered(&effects), [4]);
}

#[test]
fn without_colours_no_thumbnail_is_asked_for() {
    let mut stage = Stage::new(80, 24);
    stage.model.output.means.colourless = true;
    stage.press("V");
    assert_eq!(ordered(&stage.hear(page(tiles(1..=3), false))), Vec::<i64>::new());
    assert!(stage.screen().contains("▣ image/png"), "{}", stage.screen());
}

#[test]
fn a_star_is_seen_at_once_and_read_again_when_it_could_not_be_kept() {
    let mut stage = gallery(80, 24, 1..=3);
    let star = |star| Effect::Do(Operation::Note(vec![Remark::Star(About::Output(id(2)), star)]));
    assert_eq!(stage.press("right *"), [star(true)]);
    assert!(stage.screen().contains("★ 2"), "{}", stage.screen());
    assert_eq!(stage.press("*"), [star(false)]);
    assert!(!stage.screen().contains('★'), "{}", stage.screen());
}

#[test]
fn deleting_is_asked_first_and_the_next_one_is_selected() {
    let mut stage = gallery(80, 24, 1..=3);
    assert_eq!(stage.press("right space d"), []);
    let Some(Overlay::Confirm(confirm)) = &stage.model.overlay else { panic!("asked") };
    assert_eq!(confirm.then, Confirmed::DeleteOutput(id(2)));
    assert!(
        confirm.consequence.contains("/home/ada/pictures/flamingo_00002_.png"),
        "{}",
        confirm.consequence
    );
    assert_eq!(stage.press("enter"), [], "Enter is pressed too easily");
    assert_eq!(stage.press("y"), [Effect::Do(Operation::DeleteOutput(id(2)))]);
    assert_eq!(stage.hear(Msg::OutputDeleted(id(2))), [all(100)]);
    stage.hear(page([tiles(3..=3), tiles(1..=1)].concat(), false));
    assert_eq!((selected(&stage), stage.model.gallery.marked.len()), (1, 0));
}

#[test]
fn marks_are_two_at_the_most_and_the_pair_is_in_order() {
    let mut stage = gallery(80, 24, 1..=4);
    let runs = |pair: Option<[OutputCard; 2]>| pair.map(|pair| pair.map(|card| card.id.run));
    let pair = |stage: &Stage| runs(crate::tui::panes::compare::update::pair(&stage.model));
    assert_eq!(pair(&stage), None);
    stage.press("C");
    assert!(stage.told().contains("Mark one"), "{}", stage.told());
    stage.press("space");
    assert_eq!(pair(&stage), None, "with itself");
    stage.press("right");
    assert_eq!(pair(&stage), Some([3, 4]));
    stage.press("right space");
    assert_eq!(pair(&stage), Some([2, 4]));
    stage.press("right space");
    assert_eq!(pair(&stage), Some([1, 2]), "the first mark gives way");
    stage.press("space");
    assert_eq!(stage.model.gallery.marked.len(), 1);
}

#[test]
fn enter_goes_to_the_run_even_if_the_list_of_runs_does_not_reach_it_yet() {
    let mut stage = Stage::new(80, 24);
    let newest = summaries(&[(300, &[Status::Done]), (299, &[Status::Done])]);
    let first = RunsQuery { limit: 100, ..RunsQuery::default() };
    stage.hear(Msg::Runs { query: first, rows: newest, more: true, total: None, open: Default::default() });
    // The next page is under way at once, for the list is short.
    let older = RunsQuery { before: Some(299), limit: 100, ..RunsQuery::default() };
    let rows = summaries(&[(298, &[Status::Done]), (297, &[Status::Done])]);
    stage.press("V");
    stage.hear(page(tiles(5..=6), false));
    stage.press("enter");
    assert_eq!((stage.model.focus, stage.model.runs.list.selected), (Pane::Output, Some(6)));
    let effects =
        stage.hear(Msg::Runs { query: older, rows, more: true, total: None, open: Default::default() });
    let next = RunsQuery { before: Some(297), limit: 500, ..RunsQuery::default() };
    assert!(effects.contains(&Effect::Ask(Question::Runs(next.clone()))), "{effects:?}");
    assert_eq!(stage.model.runs.list.selected, Some(6));
    let rows = summaries(&[(7, &[Status::Done]), (6, &[Status::Done])]);
    stage.hear(Msg::Runs { query: next, rows, more: true, total: None, open: Default::default() });
    assert_eq!(stage.model.runs.list.selected().map(|run| run.id), Some(6));
    assert_eq!(stage.model.runs.list.reveal, None);
    stage.press("esc");
    assert_eq!(stage.model.focus, Pane::Gallery);
}

#[test]
fn a_run_that_is_not_in_the_list_is_not_looked_for_for_ever() {
    let mut stage = gallery(80, 24, 6..=6);
    stage.press("enter");
    let first = RunsQuery { limit: 100, ..RunsQuery::default() };
    let rows = summaries(&[(9, &[Status::Done])]);
    stage.hear(Msg::StoreChanged);
    stage.hear(Msg::Runs { query: first, rows, more: false, total: None, open: Default::default() });
    assert_eq!((stage.model.runs.list.selected, stage.model.runs.list.reveal), (Some(9), None));
}

#[test]
fn the_mouse_selects_and_opens_and_the_wheel_scrolls() {
    use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let mut stage = gallery(80, 24, 1..=20);
    let mouse = |kind, column, row| {
        Msg::Input(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
    };
    let left = MouseEventKind::Down(MouseButton::Left);
    stage.hear(runs_msg(summaries(&[(11, &[Status::Done])])));
    let grid = crate::tui::panes::gallery::grid::of(&stage.model).expect("a grid");
    let place = grid.place(5);
    stage.hear(mouse(left, place.x + 3, place.y + 3));
    assert_eq!(selected(&stage), 15);
    stage.hear(mouse(MouseEventKind::ScrollDown, 10, 10));
    assert_eq!((stage.model.gallery.scroll, selected(&stage)), (1, 15));
    stage.hear(mouse(MouseEventKind::ScrollDown, 10, 10));
    assert_eq!((stage.model.gallery.scroll, selected(&stage)), (2, 11));
    stage.hear(mouse(left, place.x - 1, place.y + 3));
    assert_eq!(selected(&stage), 11, "the gap is no tile");
    let place = grid.place(1);
    stage.hear(mouse(left, place.x, place.y));
    assert_eq!((stage.model.focus, stage.model.runs.list.selected), (Pane::Output, Some(11)));
}

#[test]
fn what_cannot_be_read_is_said_and_not_asked_for_again_and_again() {
    let mut stage = Stage::new(80, 24);
    stage.press("V");
    assert_eq!(stage.hear(Msg::OutputsNotRead("the history is locked".to_owned())), []);
    assert!(stage.told().contains("locked"));
    assert!(stage.screen().contains("cannot be read"), "{}", stage.screen());
    assert_eq!(stage.press("right"), [all(100)], "moving on asks again");
}

#[test]
fn copying_a_path_is_confirmed_once() {
    let mut stage = gallery(80, 24, 1..=2);
    let path = "/home/ada/pictures/flamingo_00002_.png".to_owned();
    assert_eq!(stage.press("y"), [Effect::Screen(ScreenEffect::Copy(path))]);
    assert_eq!(stage.told(), "");
}

#[test]
fn an_empty_gallery_has_nothing_to_do() {
    let mut stage = Stage::new(80, 24);
    stage.press("V");
    stage.hear(page(vec![], false));
    assert_eq!(stage.press("right j G pagedown enter * space y d"), []);
    assert!(stage.told().contains("No output is selected"), "{}", stage.told());
}

#[test]
fn an_output_without_a_type_is_classified_by_its_name() {
    let kind = |name: &str, said: &str| {
        let tile = tile(1, name, said);
        (tile.kind().to_owned(), tile.can_be_seen())
    };
    assert_eq!(kind("a.webm", ""), ("video/webm".to_owned(), true));
    assert_eq!(kind("a.wav", "application/octet-stream"), ("audio/wav".to_owned(), false));
    assert_eq!(kind("a", ""), ("application/octet-stream".to_owned(), false));
    assert_eq!(kind("a.png", "image/webp"), ("image/webp".to_owned(), true));
}

#[test]
fn enter_shows_that_very_output() {
    use crate::domain::RunEvent;
    let mut stage = Stage::new(80, 24);
    stage.press("V");
    let mut second = tile(6, "second.png", "image/png");
    second.card.id.place = 1;
    stage.hear(page(vec![second, tile(6, "first.png", "image/png")], false));
    stage.hear(runs_msg(summaries(&[(7, &[Status::Done]), (6, &[Status::Done])])));
    stage.press("enter");
    let mut made = run(6, "a cat", &[]);
    for name in ["first.png", "second.png"] {
        made.apply(&RunEvent::OutputSaved(tile(6, name, "image/png").card.output), 1);
    }
    stage.hear(Msg::Run(6, Some(Box::new(made))));
    assert!(stage.screen().contains("second.png"), "{}", stage.screen());
}

/// Runs 3 and 4 compared.
fn compared() -> (Stage, Vec<Effect>) {
    use crate::picture::PictureProtocol;
    use crate::tui::panes::output::PictureMeans;
    let mut stage = gallery(80, 24, 1..=4);
    stage.hear(Msg::Means(PictureMeans { best: Some(PictureProtocol::Kitty), ..Default::default() }));
    let effects = stage.press("space right C");
    (stage, effects)
}

fn pictures(effects: &[Effect]) -> Option<&crate::tui::panes::compare::CompareOrder> {
    effects.iter().find_map(|effect| match effect {
        Effect::Screen(ScreenEffect::ComparePictures(order)) => Some(order),
        _ => None,
    })
}

#[test]
fn comparing_reads_both_runs_then_makes_the_pictures_and_goes_back() {
    use crate::tui::panes::compare::Spot;
    let (mut stage, effects) = compared();
    assert!(effects.contains(&Effect::Ask(Question::Pair([3, 4]))), "{effects:?}");
    let both = || Box::new([Some(run(3, "a cat", &[])), Some(run(4, "a dog", &[]))]);
    assert_eq!(stage.hear(Msg::Pair([1, 2], both())), [], "others than these");
    let effects = stage.hear(Msg::Pair([3, 4], both()));
    let order = pictures(&effects).expect("ordered").clone();
    assert_eq!(
        order.paths.each_ref().map(|path| path.file_name().expect("a name").to_owned()),
        ["flamingo_00003_.png", "flamingo_00004_.png"]
    );
    assert!(order.beside);
    // In each other's place: one answer has both, so that the second flip asks for nothing.
    let effects = stage.press("space");
    let flipped = pictures(&effects).expect("ordered").clone();
    assert!(!flipped.beside && flipped.closer.is_none());
    assert_eq!(stage.press("space space"), []);
    assert_eq!(stage.model.compare.only, Some(0));
    stage.hear(Msg::Compared(order, Err("late".to_owned())));
    assert_eq!(stage.model.compare.seen, None, "of an order that is no longer the last");
    // Moving needs another picture each time; both move alike.
    stage.press("o");
    let effects = stage.press("right down");
    let closer: Vec<_> = effects.iter().filter_map(|e| pictures(std::slice::from_ref(e))?.closer).collect();
    assert_eq!(closer, [Spot { x: 550, y: 500 }, Spot { x: 550, y: 550 }]);
    assert!(stage.press("esc").contains(&all(100)));
    assert_eq!((stage.model.focus, selected(&stage)), (Pane::Gallery, 3));
    stage.press("esc");
    assert_eq!(stage.model.focus, Pane::Parameters);
}

#[test]
fn without_pictures_the_parameters_are_compared_all_the_same() {
    let mut stage = gallery(80, 24, 1..=4);
    stage.model.output.means.colourless = true;
    stage.hear(Msg::Means(crate::tui::panes::output::PictureMeans {
        best: Some(crate::picture::PictureProtocol::Blocks),
        colourless: true,
        ..Default::default()
    }));
    stage.press("space right C");
    let runs = Box::new([Some(run(3, "a cat", &[])), Some(run(4, "a dog", &[]))]);
    assert_eq!(stage.hear(Msg::Pair([3, 4], runs)), []);
    let screen = stage.screen();
    assert!(screen.contains("No pictures are drawn here") && screen.contains("a cat → a dog"), "{screen}");
    assert!(!screen.contains("took") && !screen.contains("cost"), "not both are known: {screen}");
    let priced = |id: i64, seconds: i64, rate: f64| {
        let mut run = run(id, "a cat", &[]);
        run.phases = vec![(Status::Running, 0)];
        run.ended_at = Some(seconds * 1_000);
        run.request.cost_per_second = Some(rate);
        run.request.profile = format!("number {id}");
        Some(run)
    };
    stage.hear(Msg::Pair([3, 4], Box::new([priced(3, 100, 0.01), priced(4, 50, 0.1)])));
    let screen = stage.screen();
    for told in ["took", "1:40 → 0:50", "cost", "1.00 → 5.00", "number 3 → number 4"] {
        assert!(screen.contains(told), "{told}: {screen}");
    }
}

#[test]
fn while_a_run_works_the_gallery_is_read_once_a_second_and_once_at_its_end() {
    let asked = |effects: Vec<Effect>| {
        effects.iter().filter(|e| matches!(e, Effect::Ask(Question::Outputs(_)))).count()
    };
    let mut stage = gallery(80, 24, 1..=2);
    stage.hear(runs_msg(summaries(&[(3, &[Status::Running])])));
    for _ in 0..20 {
        assert_eq!(asked(stage.hear(Msg::StoreChanged)), 0);
    }
    assert_eq!(asked(stage.hear(Msg::Tick)), 1);
    stage.hear(page(tiles(1..=2), false));
    assert_eq!(asked(stage.hear(runs_msg(summaries(&[(3, &[Status::Running, Status::Done])])))), 1);
    assert_eq!(asked(stage.hear(page(tiles(1..=3), false))), 0);
    assert_eq!(stage.model.gallery.list.rows.len(), 3);
}

#[test]
fn all_tiles_are_in_the_terminals_own_pixels_where_it_has_them() {
    let mut stage = gallery(120, 40, 1..=4);
    let means =
        |best| Msg::Means(crate::tui::panes::output::PictureMeans { best: Some(best), ..Default::default() });
    // Half-blocks are all it has: they are there already.
    assert!(ordered(&stage.hear(means(PictureProtocol::Blocks))).is_empty());
    assert_eq!(ordered(&stage.hear(means(PictureProtocol::Kitty))), [4, 3, 2, 1]);
    let form = stage.model.gallery.form;
    assert_eq!(form.protocol, PictureProtocol::Kitty);
    stage.press("right");
    for run in 1..=4 {
        let Msg::Thumb(order, _) = thumb(&stage, run) else { panic!("no thumbnail") };
        let picture = Picture { cells: form.room, form: Form::Kitty(vec![run as u8]) };
        stage.hear(Msg::Thumb(order, Thumb::Picture(Arc::new(picture), form.room.height)));
    }
    let placed = crate::tui::view::placements(&stage.model);
    let sent = |placement: &crate::tui::terminal::Placement| match &placement.picture.form {
        Form::Kitty(bytes) => bytes[0],
        _ => 0,
    };
    assert_eq!(placed.iter().map(sent).collect::<Vec<_>>(), [3, 4, 2, 1], "the selected one first");
    for (at, one) in placed.iter().enumerate() {
        assert!(placed[at + 1..].iter().all(|other| !other.area().intersects(one.area())), "{placed:?}");
    }
    // A move sends nothing again.
    assert!(ordered(&stage.press("right")).is_empty());
    // Larger tiles are other pictures.
    assert!(ordered(&stage.press("+")).len() >= 3);
}

#[test]
fn tiles_take_the_shape_of_the_pictures() {
    let mut stage = Stage::new(200, 60);
    stage.press("V");
    stage.hear(page(tiles(1..=3), false));
    let square = stage.model.gallery.form.room;
    let Msg::Thumb(order, _) = thumb(&stage, 3) else { panic!("no thumbnail") };
    // 832 by 1216 pixels, as half-blocks.
    let cells = Cells { width: 42, height: 31 };
    let picture = Picture { cells, form: Form::Blocks(vec![Block::half([9; 3], [9; 3]); cells.count()]) };
    stage.hear(Msg::Thumb(order, Thumb::Picture(Arc::new(picture), 31)));
    let portrait = stage.model.gallery.form.room;
    assert!(portrait.height > square.height + 10, "{square:?} {portrait:?}");
}
