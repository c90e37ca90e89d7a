//! The draft runs again when a file of it is saved elsewhere.

use super::*;
use crate::tui::msg::Opened;
use crate::tui::open::{Open, OpenFile};
use crate::tui::watching::{MOST_RUNS, Watching};

/// A screen that watches the preset's file and one that is uploaded.
fn watching() -> (Stage, Vec<PathBuf>) {
    let mut stage = wide();
    let preset = OpenFile { path: "/p/flamingo.toml".into(), modified: None, bytes: 1 };
    stage.model.open.files = vec![preset].into();
    stage.model.draft.set(&key("52-inputs-image"), Setting::File("/in/pink.png".into()));
    assert_eq!(stage.press("w"), []);
    let asked = stage.screen();
    for told in ["flamingo.toml,", "pink.png?", "20 runs at the most"] {
        assert!(asked.contains(told), "{told} in {asked}");
    }
    let files = vec![PathBuf::from("/p/flamingo.toml"), PathBuf::from("/in/pink.png")];
    let effects = stage.press("y");
    assert_eq!(effects, [Effect::Screen(ScreenEffect::WatchFiles(files.clone()))]);
    (stage, files)
}

fn saved(path: &str) -> Msg {
    Msg::FilesSaved(vec![path.into()])
}

/// The runs among the effects.
fn runs_of(effects: &[Effect]) -> Vec<&NewRun> {
    let mut runs = Vec::new();
    for effect in effects {
        if let Effect::Do(Operation::Submit(new)) = effect {
            runs.push(new);
        }
    }
    runs
}

#[test]
fn an_input_that_is_saved_runs_and_the_header_says_so() {
    let (mut stage, _) = watching();
    assert!(stage.screen().contains("watching 0 of 20"), "{}", stage.screen());
    let before = stage.model.draft.setting(&key("3-inputs-seed"));
    let effects = stage.hear(saved("/in/pink.png"));
    assert!(matches!(runs_of(&effects)[..], [run] if run.watched && run.ask_if_same), "{effects:?}");
    assert_ne!(stage.model.draft.setting(&key("3-inputs-seed")), before, "the next seed is there");
    assert!(stage.screen().contains("watching 1 of 20"), "{}", stage.screen());
    // What differs in nothing is no run, and asks nobody.
    let order = Box::new(runs_of(&effects)[0].clone());
    stage.hear(Msg::Same { run: 7, status: Status::Done, order });
    assert!(stage.model.overlay.is_none() && stage.told().contains("nothing differs from run 7"));
    assert_eq!(stage.model.watching.as_ref().map(|watching| watching.ran), Some(0));
    // The same key ends it.
    assert_eq!(stage.press("w"), [Effect::Screen(ScreenEffect::WatchFiles(Vec::new()))]);
    assert_eq!((runs_of(&stage.hear(saved("/in/pink.png"))).len(), &stage.model.watching), (0, &None));
}

#[test]
fn a_preset_that_is_saved_is_read_again_first_and_not_run_when_that_fails() {
    let (mut stage, files) = watching();
    let effects = stage.hear(saved("/p/flamingo.toml"));
    assert!(matches!(&effects[..], [Effect::Do(Operation::Reload(_))]), "{effects:?}");
    assert_eq!(runs_of(&stage.hear(Msg::NotOpened("line 3: not TOML".to_owned()))).len(), 0);
    assert!(stage.told().contains("not TOML"), "{}", stage.told());
    // What else notices it asks nothing, since the watch reads it.
    let changed = Msg::ChangedOnDisk { changed: files[..1].to_vec(), files: Vec::new(), order: None };
    assert_eq!((stage.hear(changed), stage.model.overlay.is_none()), (Vec::new(), true));
    assert_eq!(stage.hear(saved("/p/flamingo.toml")).len(), 1);
    let again = Opened {
        open: Open { files: Vec::new().into(), ..stage.model.open.clone() },
        layer: stage.model.draft.preset().clone(),
        edits: Vec::new(),
        seeds: Vec::new(),
        names: Vec::new(),
        expand: Vec::new(),
        field: None,
        pinned: None,
        unsure: Vec::new(),
        ran: Vec::new(),
        earlier: None,
        problems: Vec::new(),
    };
    let effects = stage.hear(Msg::Reloaded(Box::new(again)));
    assert_eq!(runs_of(&effects).len(), 1, "{effects:?}");
    let files_now = |effect: &Effect| matches!(effect, Effect::Screen(ScreenEffect::WatchFiles(_)));
    assert!(effects.iter().any(files_now), "another preset's files: {effects:?}");
}

#[test]
fn a_field_that_is_open_and_a_question_are_waited_for() {
    for keys in ["enter", "X", "?"] {
        let (mut stage, _) = watching();
        stage.press(keys);
        assert_eq!(runs_of(&stage.hear(saved("/in/pink.png"))).len(), 0, "{keys}");
        assert!(stage.model.watching.as_ref().is_some_and(|watching| watching.waits));
        assert_eq!(stage.screen().contains("saved, waits"), keys != "?", "{}", stage.screen());
        assert_eq!(runs_of(&stage.press("esc")).len(), 1, "{keys}");
    }
}

#[test]
fn it_ends_with_as_many_runs_as_a_watch_makes() {
    let (mut stage, files) = watching();
    stage.model.watching = Some(Watching { files, ran: MOST_RUNS - 1, ..Watching::default() });
    assert_eq!(runs_of(&stage.hear(saved("/in/pink.png"))).len(), 1);
    let effects = stage.hear(saved("/in/pink.png"));
    assert_eq!((runs_of(&effects).len(), &stage.model.watching), (0, &None));
    assert!(stage.told().contains("20 runs are as many"), "{}", stage.told());
}
