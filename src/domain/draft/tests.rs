use super::*;
use crate::domain::{Workflow, param};

const WORKFLOW: &str = r#"{
    "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "model": ["4", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
    "52": {"class_type": "LoadImage", "inputs": {"image": "in.png"}}
}"#;

fn key(text: &str) -> ParamKey {
    ParamKey::parse(text).expect(text)
}

fn draft(preset: Layer) -> Draft {
    let workflow = Workflow::parse(WORKFLOW).expect("a workflow");
    Draft::new(param::parameters(&workflow), preset)
}

fn value(value: impl Into<Value>) -> Setting {
    Setting::Value(value.into())
}

#[test]
fn only_what_was_set_is_sent() {
    let preset =
        Layer { settings: [(key("3-inputs-steps"), value(30))].into_iter().collect(), ..Layer::default() };
    let mut draft = draft(preset);
    draft.set(&key("6-inputs-text"), value("a dog"));
    draft.set(&key("52-inputs-image"), Setting::File("in/pink.png".into()));
    let sent = draft.submission(|| 0).expect("something to send");
    assert_eq!(
        serde_json::to_string(&sent.params).ok().as_deref(),
        Some(r#"{"3-inputs-steps":30,"6-inputs-text":"a dog"}"#)
    );
    assert_eq!(sent.files, [(key("52-inputs-image"), PathBuf::from("in/pink.png"))]);
    assert_eq!(sent.seeds, []);
}

#[test]
fn with_nothing_set_a_seed_is_changed_and_told() {
    let mut draft = draft(Layer::default());
    let sent = draft.submission(|| 7).expect("a seed to change");
    assert_eq!(sent.seeds, [SeedChange { key: key("3-inputs-seed"), value: 8, forced: true }]);
    draft.adopt_seeds(&sent);
    assert_eq!(draft.setting(&key("3-inputs-seed")), Some(value(8)));
    assert_eq!((draft.is_edited(), draft.changes()), (true, 0));
    draft.set(&key("3-inputs-seed"), value(9));
    assert_eq!(draft.changes(), 1);
}

#[test]
fn without_a_seed_nothing_can_be_sent() {
    let workflow =
        Workflow::parse(r#"{"6": {"class_type": "A", "inputs": {"text": "x"}}}"#).expect("a workflow");
    let draft = Draft::new(param::parameters(&workflow), Layer::default());
    assert_eq!(draft.submission(|| 0), Err(SubmitError::NothingToSend));
}

#[test]
fn seed_policies_apply_at_submit() {
    let seed = key("3-inputs-seed");
    for (policy, random, sent) in [
        (SeedPolicy::Randomize, 99, Some(99)),
        (SeedPolicy::Increment, 0, Some(8)),
        (SeedPolicy::Decrement, 0, Some(6)),
        (SeedPolicy::Fixed, 0, None),
    ] {
        let mut draft = draft(Layer::default());
        draft.set(&key("3-inputs-steps"), value(5));
        draft.set_policy(&seed, policy);
        let submission = draft.submission(|| random).expect("something to send");
        assert_eq!(submission.params.get(&seed).and_then(Value::as_u64), sent, "{policy:?}");
    }
}

#[test]
fn undo_and_redo_walk_the_same_road() {
    let mut draft = draft(Layer::default());
    let start = draft.clone();
    draft.set(&key("3-inputs-steps"), value(5));
    draft.set_all([
        (key("3-inputs-steps"), value(6)),
        (key("6-inputs-text"), value("x")),
        (key("9-inputs-gone"), value(1)),
    ]);
    draft.set_policy(&key("3-inputs-seed"), SeedPolicy::Increment);
    draft.reset(&key("6-inputs-text"));
    let end = (draft.edits.clone(), draft.policies.clone());
    for _ in 0..4 {
        assert!(draft.undo().is_some());
    }
    assert_eq!((draft.undo(), &draft.edits, &draft.policies), (None, &start.edits, &start.policies));
    for _ in 0..4 {
        assert!(draft.redo().is_some());
    }
    assert_eq!((draft.redo(), (draft.edits.clone(), draft.policies.clone())), (None, end));
}

#[test]
fn a_save_keeps_what_was_changed_meanwhile_and_the_way_back() {
    let steps = key("3-inputs-steps");
    let mut draft = draft(Layer::default());
    draft.set(&steps, value(25));
    // The preset is saved with 25, and by then the person is at 27.
    draft.set(&steps, value(27));
    let saved = Layer { settings: [(steps.clone(), value(25))].into_iter().collect(), ..Layer::default() };
    draft.rebase(saved);
    assert_eq!((draft.setting(&steps), draft.changes()), (Some(value(27)), 1));
    draft.undo();
    assert_eq!((draft.setting(&steps), draft.changes()), (Some(value(25)), 0));
    draft.undo();
    assert_eq!((draft.setting(&steps), draft.changes()), (Some(value(20)), 1));
}

#[test]
fn what_an_earlier_session_left_is_no_step_of_undo() {
    let mut draft = draft(Layer::default());
    let edits = [(key("3-inputs-steps"), value(25)), (key("9-inputs-gone"), value(1))];
    let gone = draft.restore(edits, [(key("3-inputs-seed"), SeedPolicy::Increment)]);
    assert_eq!(gone, [key("9-inputs-gone")]);
    assert_eq!((draft.undo(), draft.changes()), (None, 2));
}

#[test]
fn going_back_to_the_preset_is_no_edit() {
    let preset =
        Layer { settings: [(key("3-inputs-steps"), value(30))].into_iter().collect(), ..Layer::default() };
    let mut draft = draft(preset);
    draft.set(&key("3-inputs-steps"), value(20));
    assert_eq!(draft.origin(&key("3-inputs-steps")), Origin::Edit);
    draft.set(&key("3-inputs-steps"), value(30));
    assert_eq!(draft.origin(&key("3-inputs-steps")), Origin::Preset);
    assert!(!draft.is_edited());
}
