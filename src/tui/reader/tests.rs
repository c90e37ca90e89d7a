use super::*;
use crate::domain::run::RunSummary;
use crate::tui::msg::Msg;
use crate::tui::notice::Tone;
use crate::tui::query::OutputsQuery;
use crate::tui::stage::{Stage, run, runs_msg};

/// A screen reader before the dashboard: what it hears.
struct Listener {
    stage: Stage,
    reader: Reader,
}

impl Listener {
    fn new() -> Self {
        let mut listener = Self { stage: Stage::new(SCREEN.width, SCREEN.height), reader: Reader::default() };
        listener.hear(false);
        listener
    }

    fn hear(&mut self, by_key: bool) -> Told {
        self.reader.tell(&self.stage.model, self.stage.keys(), &Theme::colourless(), by_key)
    }

    fn press(&mut self, keys: &str) -> Vec<String> {
        self.stage.press(keys);
        self.hear(true).lines
    }
}

#[test]
fn the_start_says_where_it_is_and_what_is_selected() {
    let stage = Stage::new(SCREEN.width, SCREEN.height);
    let told = Reader::default().tell(&stage.model, stage.keys(), &Theme::colourless(), false);
    assert_eq!(told.lines[0], "Parameters");
    assert!(told.lines[1].contains("prompt") && told.lines[1].contains("A flamingo dancing"), "{told:?}");
    assert_eq!(told.lines.len(), 2);
    assert_eq!(told.field, None);
}

#[test]
fn a_move_tells_the_next_thing_and_nothing_else() {
    let mut listener = Listener::new();
    let told = listener.press("j");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(!told[0].contains(SELECTED) && !told[0].contains("A flamingo"), "{told:?}");
    assert_eq!(listener.hear(false), Told::default(), "nothing happened");
}

#[test]
fn a_change_is_told_itself_first_and_who_set_a_value_only_when_it_is_another() {
    let mut listener = Listener::new();
    let rows: Vec<Vec<String>> = (0..6).map(|_| listener.press("j")).collect();
    let steps = rows.iter().position(|told| told[0].starts_with("steps")).expect("steps are a row");
    let told: Vec<&String> = rows.iter().flat_map(|told| &told[1..]).collect();
    assert_eq!(told, ["preset flamingo"], "{rows:?}");
    listener.press(&"k ".repeat(5 - steps));
    let told = listener.press("l");
    assert!(told[0].starts_with("changed: steps"), "{told:?}");
    assert!(told.iter().skip(1).any(|line| line == "1 changed"), "{told:?}");
    assert!(!told.iter().any(|line| line.starts_with("Parameters")), "it is where it was: {told:?}");
    let again = listener.press("l");
    assert_eq!(again.len(), 1, "{again:?}");
}

#[test]
fn a_run_that_begins_to_work_is_told_once() {
    let mut listener = Listener::new();
    let at = |steps: &[Status]| runs_msg(vec![RunSummary::from(&run(7, "a cat", steps))]);
    listener.stage.hear(at(&[Status::Waiting]));
    assert_eq!(listener.hear(false), Told::default());
    listener.stage.hear(at(&[Status::Waiting, Status::Running]));
    assert_eq!(listener.hear(false).lines, ["Run 7 is running"]);
    listener.stage.hear(at(&[Status::Waiting, Status::Running]));
    assert_eq!(listener.hear(false), Told::default());
}

#[test]
fn of_a_picture_it_is_told_at_once_how_to_get_at_it() {
    let mut listener = Listener::new();
    listener.stage.model.linear = true;
    listener.stage.model.output.mode = crate::picture::PictureMode::Off;
    let done = run(7, "a cat", &[Status::Waiting, Status::Running, Status::Done]);
    listener.stage.hear(runs_msg(vec![RunSummary::from(&done)]));
    listener.stage.hear(Msg::Run(7, Some(Box::new(done))));
    let told = listener.press("5");
    assert!(told[0].starts_with("Output, run 7"), "{told:?}");
    assert!(told.iter().any(|line| line.contains("v opens it, y copies its path")), "{told:?}");
    for pane in ["1", "2", "3", "4", "V", "M"] {
        assert!(!listener.press(pane).is_empty(), "{pane}");
    }
}

#[test]
fn a_key_with_ctrl_is_told_as_one() {
    assert_eq!(
        spoken("^R F5   Run with the current parameters"),
        "ctrl+r F5, Run with the current parameters"
    );
    assert_eq!(spoken("2^Rx ^"), "2^Rx ^");
}

#[test]
fn a_field_says_what_it_is_and_shows_the_text_with_the_cursor() {
    let mut listener = Listener::new();
    listener.stage.press("enter");
    let told = listener.hear(true);
    assert_eq!(told.lines[0], "Editing prompt");
    let field = told.field.expect("a field");
    assert!(field.text.ends_with("best quality"));
    assert_eq!(field.column, field.text.len());
    listener.stage.type_text("!");
    let told = listener.hear(true);
    assert_eq!(told.lines, [""; 0], "the text is not told again with each letter");
    assert!(told.field.is_some_and(|field| field.text.ends_with("best quality!")));
}

#[test]
fn a_list_tells_its_title_and_the_selected_item() {
    let mut listener = Listener::new();
    let told = listener.press(":");
    assert_eq!(told[0], "Commands");
    assert!(told.len() == 2 && told[1].ends_with(" items"), "{told:?}");
    let first = listener.press("down");
    assert_eq!(first.len(), 1, "{first:?}");
    let next = listener.press("down");
    assert_eq!(next.len(), 1, "{next:?}");
    assert_ne!(next[0], first[0]);
    let back = listener.press("esc");
    assert_eq!(back[0], "Parameters");
}

#[test]
fn messages_are_told_and_clocks_are_not() {
    let mut listener = Listener::new();
    let running = run(7, "a cat", &[Status::Waiting, Status::Running]);
    listener.stage.hear(runs_msg(vec![RunSummary::from(&running)]));
    listener.press("2");
    listener.stage.model.now += 5_000;
    listener.stage.hear(Msg::Tick);
    assert_eq!(listener.hear(false), Told::default());
    listener.stage.hear(Msg::Notice(Tone::Good, "Run 7 done in 9.3s".to_owned()));
    assert_eq!(listener.hear(false).lines, ["Run 7 done in 9.3s"]);
    assert_eq!(listener.hear(false), Told::default(), "once");
}

fn written(reader: &mut Reader, lines: &[&str], field: Option<(&str, usize)>, columns: u16) -> String {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    let field = field.map(|(text, column)| Field { text: text.to_owned(), column });
    String::from_utf8(reader.bytes(&Told { lines, field }, columns)).expect("text")
}

#[test]
fn what_is_written_moves_nowhere_but_along_its_line() {
    let mut reader = Reader::default();
    let text = written(&mut reader, &["one\u{1b}[2J", "two"], Some(("猫 a cat", 3)), 80);
    assert_eq!(text, "\r\x1b[Kone[2J\r\ntwo\r\n猫 a cat\x1b[5D");
    assert_eq!(written(&mut reader, &[], None, 80), "");
    let long = "x".repeat(200);
    let narrow = written(&mut Reader::default(), &[], Some((&long, 200)), 40);
    assert!(narrow.len() < 60, "it does not wrap: {}", narrow.len());
}

#[test]
fn of_a_text_that_is_typed_only_the_letter_is_written() {
    let mut reader = Reader::default();
    written(&mut reader, &["Editing prompt"], Some(("a cat", 5)), 80);
    for (text, column, wanted) in [
        ("a cats", 6, "s"),
        ("a cat", 5, "\x1b[1D\x1b[K"),
        ("a cat", 4, "\x1b[1D"),
        ("a coat", 4, "\x1b[1Doat\x1b[2D"),
        ("a coat", 0, "\r"),
        ("猫a coat", 2, "猫a coat\x1b[6D"),
        ("", 0, "\r\x1b[K"),
    ] {
        assert_eq!(written(&mut reader, &[], Some((text, column)), 80), wanted, "{text}");
    }
    // A line that is full goes on in its middle, and not again with each letter.
    let mut text = "word ".repeat(30);
    written(&mut reader, &["Editing prompt"], Some((&text, text.len())), 80);
    let mut whole = 0;
    for _ in 0..60 {
        text.push('y');
        whole += usize::from(written(&mut reader, &[], Some((&text, text.len())), 80).len() > 1);
    }
    assert!((1..=2).contains(&whole), "{whole} of 60 letters write the line");
}

#[test]
fn what_was_still_to_come_is_told_when_it_is_there() {
    let mut listener = Listener::new();
    listener.stage.model.output.mode = crate::picture::PictureMode::Off;
    let told = listener.press("V");
    assert!(told.last().is_some_and(|line| line.ends_with('…')), "{told:?}");
    assert_eq!(listener.hear(false), Told::default());
    let tile = crate::tui::stage::tile(3, "cat.png", "image/png");
    let query = OutputsQuery { limit: 100, ..OutputsQuery::default() };
    listener.stage.hear(Msg::Outputs { query, tiles: vec![tile], more: false });
    let told = listener.hear(false);
    assert!(told.lines.iter().any(|line| line.contains("image/png")), "{told:?}");
    assert_eq!(listener.hear(false), Told::default());
}

#[test]
fn lines_and_bars_are_for_the_eye() {
    assert_eq!(spoken("▌ ✓ 1 done   flamingo  A cat…   0:09 now │"), "✓ 1 done, flamingo, A cat…, 0:09 now");
    assert_eq!(spoken("────────"), "");
    assert_eq!(spoken("▌· steps   24"), "steps, 24");
    assert_eq!(spoken("▌• steps   30    was 24"), "changed: steps, 30, was 24");
}
