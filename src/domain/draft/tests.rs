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

fn layer(settings: &[(&str, Value)], seeds: &[(&str, SeedPolicy)]) -> Layer {
    Layer {
        name: "hero".to_owned(),
        settings: settings.iter().map(|(name, set)| (key(name), value(set.clone()))).collect(),
        seeds: seeds.iter().map(|(name, policy)| (key(name), *policy)).collect(),
        ..Layer::default()
    }
}

/// Submits as the screen and the command line do, and records that it was sent.
fn run(draft: &mut Draft, random: u64) -> Submission {
    draft.draw(|| random);
    let shown = draft.clone();
    let sent = draft.submission(true).expect("something to send");
    for (key, value) in &sent.params {
        assert_eq!(shown.setting(key), Some(Setting::Value(value.clone())), "what is shown is what runs");
        assert_eq!(sent.origins.get(key).filter(|by| !matches!(by, Origin::Workflow)), sent.origins.get(key));
    }
    draft.sent(&sent);
    draft.draw(|| random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    sent
}

fn seed_of(sent: &Submission) -> Option<String> {
    sent.params.get(&key("3-inputs-seed")).map(Value::to_string)
}

const SEED: &str = "3-inputs-seed";

#[test]
fn only_what_was_set_is_sent_with_who_set_it() {
    let mut draft = draft(layer(&[("3-inputs-steps", 30.into())], &[]));
    draft.set(&key("6-inputs-text"), value("a dog"));
    draft.say([(key("52-inputs-image"), Setting::File("in/pink.png".into()))], Said::Option);
    let sent = run(&mut draft, 0);
    assert_eq!(
        serde_json::to_string(&sent.params).ok().as_deref(),
        Some(r#"{"3-inputs-steps":30,"6-inputs-text":"a dog"}"#)
    );
    assert_eq!(sent.files, [(key("52-inputs-image"), PathBuf::from("in/pink.png"))]);
    let who: Vec<String> = sent.origins.values().map(ToString::to_string).collect();
    assert_eq!(who, ["preset hero", "typed", "command line"]);
    assert_eq!(sent.by_program().count(), 0);
}

#[test]
fn what_a_person_said_is_sent_whatever_the_policy() {
    for policy in SeedPolicy::ALL {
        for said in ["123", "7", "0", "-1", "18446744073709551615"] {
            for by in [Said::Typed, Said::Option, Said::Run(3), Said::Import, Said::Stepped, Said::Earlier] {
                let mut draft = draft(layer(&[("3-inputs-steps", 30.into())], &[(SEED, policy)]));
                draft.draw(|| 99);
                let number: Number = said.parse().expect(said);
                draft.say([(key(SEED), Setting::Value(number.into()))], by);
                assert_eq!(seed_of(&run(&mut draft, 5)).as_deref(), Some(said), "{policy:?}");
                let next = seed_of(&run(&mut draft, 5)).expect("a seed");
                assert_eq!(
                    next == said,
                    policy == SeedPolicy::Fixed || draft.is_at_end(said, policy),
                    "{policy:?} {said} {next}"
                );
            }
        }
    }
}

impl Draft {
    /// Whether the policy has reached the end of the range.
    fn is_at_end(&self, from: &str, policy: SeedPolicy) -> bool {
        match policy {
            SeedPolicy::Increment => from == "18446744073709551615",
            SeedPolicy::Decrement => from == "0" || from == "-1",
            SeedPolicy::Fixed | SeedPolicy::Randomize => false,
        }
    }
}

#[test]
fn what_is_said_is_sent_even_when_the_file_says_the_same() {
    let mut draft = draft(Layer::default());
    draft.say([(key(SEED), value(7))], Said::Option);
    assert_eq!(
        serde_json::to_string(&run(&mut draft, 0).params).ok().as_deref(),
        Some(r#"{"3-inputs-seed":7}"#)
    );
    assert_eq!((draft.is_edited(), draft.changes()), (true, 0));
    draft.reset([&key(SEED)]);
    assert!(!draft.is_edited());
}

#[test]
fn with_nothing_set_the_seed_is_another_each_time() {
    let mut draft = draft(Layer::default());
    let sent: Vec<Submission> = (0..4).map(|at| run(&mut draft, 7 + at)).collect();
    let mut seeds: Vec<_> = sent.iter().filter_map(seed_of).collect();
    assert!(sent.iter().all(|sent| sent.by_program().all(|(_, _, rule)| rule == Rule::NewSeed)));
    seeds.sort();
    seeds.dedup();
    assert_eq!(seeds.len(), 4);
    assert!(!draft.is_edited(), "nobody set anything");
    // Once something is set, the seed is the workflow's again and is left to the deployment.
    draft.set(&key("6-inputs-text"), value("a dog"));
    assert_eq!(seed_of(&run(&mut draft, 0)), None);
    assert_eq!(draft.origin(&key(SEED)), Origin::Workflow);
}

#[test]
fn a_fixed_seed_is_never_overruled() {
    for layer in [layer(&[], &[(SEED, SeedPolicy::Fixed)]), Layer::default()] {
        let mut draft = draft(layer);
        draft.set_policy(&key(SEED), SeedPolicy::Fixed);
        let sent = run(&mut draft, 3);
        assert_eq!(seed_of(&sent).as_deref(), Some("7"));
        assert_eq!(sent.origins[&key(SEED)], Origin::Program { how: Rule::AsItStands });
    }
}

#[test]
fn a_run_of_files_alone_sends_a_value_too() {
    let file = || (key("52-inputs-image"), Setting::File("in/pink.png".into()));
    for (policy, expected) in [
        (None, "7"),
        (Some(SeedPolicy::Fixed), "7"),
        (Some(SeedPolicy::Increment), "8"),
        (Some(SeedPolicy::Decrement), "6"),
        (Some(SeedPolicy::Randomize), "99"),
    ] {
        let mut draft = draft(Layer::default());
        draft.say([file()], Said::Option);
        policy.into_iter().for_each(|policy| draft.set_policy(&key(SEED), policy));
        let sent = run(&mut draft, 99);
        assert_eq!((seed_of(&sent).as_deref(), sent.params.len()), (Some(expected), 1), "{policy:?}");
        assert_eq!(sent.by_program().count(), 1, "it is told");
    }
    let workflow = r#"{"1": {"class_type": "LoadImage", "inputs": {"image": "in.png"}},
        "2": {"class_type": "UpscaleModelLoader", "inputs": {"model_name": "4x.pth"}},
        "3": {"class_type": "Upscale", "inputs": {"text": "x\ny", "tile": 512, "image": ["1", 0]}}}"#;
    let params = param::parameters(&Workflow::parse(workflow).expect("a workflow"));
    for set_a_file in [true, false] {
        let mut draft = Draft::new(params.clone(), Layer::default());
        if set_a_file {
            draft.say([(key("1-inputs-image"), Setting::File("a.png".into()))], Said::Option);
        }
        let sent = run(&mut draft, 0);
        assert_eq!(serde_json::to_string(&sent.params).ok().as_deref(), Some(r#"{"3-inputs-tile":512}"#));
    }
}

#[test]
fn what_goes_along_as_it_stands_is_no_file_and_nothing_of_the_editor() {
    for (nodes, expected) in [
        (r#""1": {"class_type": "LoadImage", "inputs": {"image": "in.png", "upload": "image"}}"#, None),
        (
            r#""1": {"class_type": "VHS_LoadVideo", "inputs": {"video": "in.mp4", "frame_load_cap": 16}}"#,
            Some(r#"{"1-inputs-frame_load_cap":16}"#),
        ),
        (
            r#""1": {"class_type": "ShowText|pysssss", "inputs": {"text": ["2", 0], "text_0": "what was"}},
               "2": {"class_type": "A", "inputs": {"clip": "x.mp4", "mode": "{{MODE}}"}},
               "3": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["2", 0]}}"#,
            Some(r#"{"3-inputs-filename_prefix":"x"}"#),
        ),
    ] {
        let workflow = Workflow::parse(&format!("{{{nodes}}}")).expect("a workflow");
        let mut params = param::parameters(&workflow);
        // A form hides what it does not name: it may go along all the same.
        params.iter_mut().for_each(|param| param.hidden = true);
        let mut draft = Draft::new(params, Layer::default());
        draft.draw(|| 0);
        let sent = draft.submission(true).map(|sent| serde_json::to_string(&sent.params).expect("JSON"));
        assert_eq!(sent.ok().as_deref(), expected, "{nodes}");
        assert!(draft.submission(false).is_ok_and(|sent| sent.params.is_empty()), "no value is needed");
    }
}

#[test]
fn a_forms_value_is_sent_and_a_presets_goes_before_it() {
    let mut layer = layer(&[("3-inputs-steps", 30.into())], &[]);
    let form = [("3-inputs-steps", Value::from(40)), ("6-inputs-text", "a dog".into())];
    let form = form.into_iter().map(|(name, value)| (key(name), value)).collect();
    layer.put_form(&form, &IndexMap::from([(key(SEED), SeedPolicy::Randomize)]));
    let mut draft = draft(layer);
    let sent = run(&mut draft, 99);
    assert_eq!(
        serde_json::to_string(&sent.params).ok().as_deref(),
        Some(r#"{"3-inputs-seed":99,"3-inputs-steps":30,"6-inputs-text":"a dog"}"#)
    );
    let who: Vec<String> = sent.origins.values().map(ToString::to_string).collect();
    assert_eq!(who, ["randomize", "preset hero", "form"]);
    // A form alone sets nothing that makes another picture.
    let mut of_form = Layer::default();
    of_form.put_form(&form, &IndexMap::new());
    let mut draft = self::draft(of_form);
    let mut forced = (0..3).map(|at| seed_of(&run(&mut draft, 7 + at)));
    assert!(forced.all(|seed| seed.is_some()), "the seed is another each time");
}

#[test]
fn what_is_still_to_be_filled_in_is_known_before_it_is_sent() {
    let text = WORKFLOW.replace("20", r#""{{STEPS}}""#).replace("a cat", "a {{ANIMAL}}");
    let params = param::parameters(&Workflow::parse(&text).expect("a workflow"));
    let mut draft = Draft::new(params, Layer::default());
    draft.draw(|| 0);
    let unfilled = |draft: &Draft, whole| {
        let sent = draft.submission(true).expect("a seed");
        draft.unfilled(&sent, whole).iter().map(|p| p.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(unfilled(&draft, true), ["3-inputs-steps", "6-inputs-text"]);
    assert_eq!(unfilled(&draft, false), Vec::<String>::new(), "the deployment has values of its own");
    draft.set(&key("3-inputs-steps"), value(20));
    draft.set(&key("6-inputs-text"), value("a {{ANIMAL}}, at dawn"));
    assert_eq!(unfilled(&draft, true), ["6-inputs-text"]);
    assert_eq!(unfilled(&draft, false), ["6-inputs-text"]);
}

#[test]
fn params_are_never_empty_whatever_is_set() {
    let keys = [SEED, "3-inputs-steps", "6-inputs-text", "52-inputs-image"];
    for mask in 0..64_u32 {
        let mut draft = draft(Layer::default());
        for (at, name) in keys.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0) {
            let setting = if at == 3 { Setting::File("a.png".into()) } else { value(1) };
            draft.set(&key(name), setting);
        }
        draft.set_policy(&key(SEED), SeedPolicy::ALL[(mask / 16) as usize]);
        assert!(!run(&mut draft, u64::from(mask)).params.is_empty(), "{mask}");
    }
}

#[test]
fn a_workflow_of_wiring_alone_cannot_be_sent() {
    let workflow = Workflow::parse(r#"{"6": {"class_type": "A", "inputs": {"text": ["1", 0]}}}"#);
    let mut draft = Draft::new(param::parameters(&workflow.expect("a workflow")), Layer::default());
    draft.draw(|| 0);
    assert_eq!(draft.submission(true), Err(SubmitError::NothingToSend));
}

#[test]
fn increments_go_on_from_the_last_run() {
    let mut draft = draft(layer(&[], &[(SEED, SeedPolicy::Increment)]));
    let sent: Vec<_> = (0..3).filter_map(|_| seed_of(&run(&mut draft, 0))).collect();
    assert_eq!(sent, ["8", "9", "10"]);
    draft.go_on_from([(key(SEED), 41.into())]);
    assert_eq!(seed_of(&run(&mut draft, 0)).as_deref(), Some("42"));
    // Another policy shows its next value at once.
    draft.set_policy(&key(SEED), SeedPolicy::Decrement);
    draft.draw(|| 0);
    assert_eq!(draft.setting(&key(SEED)), Some(value(41)));
}

#[test]
fn a_seed_that_was_said_and_not_sent_after_all_is_still_said() {
    let mut draft = draft(layer(&[], &[(SEED, SeedPolicy::Randomize)]));
    draft.set(&key(SEED), value(777));
    let sent = run(&mut draft, 5);
    assert_eq!(draft.origin(&key(SEED)), Origin::Program { how: Rule::Policy(SeedPolicy::Randomize) });
    draft.not_sent(&sent);
    assert_eq!((draft.setting(&key(SEED)), draft.origin(&key(SEED)).is_said()), (Some(value(777)), true));
}

#[test]
fn loading_a_run_makes_the_draft_what_that_run_was() {
    let mut draft = draft(layer(&[("3-inputs-steps", 30.into())], &[(SEED, SeedPolicy::Randomize)]));
    draft.set(&key("6-inputs-text"), value("a dog"));
    let settings = [(key(SEED), value(5)), (key("9-inputs-gone"), value(1))];
    draft.load(settings.into_iter().collect(), Said::Run(12));
    let sent = run(&mut draft, 0);
    // The preset's steps were not sent then, so the workflow's own value applies.
    assert_eq!(
        serde_json::to_string(&sent.params).ok().as_deref(),
        Some(r#"{"3-inputs-seed":5,"3-inputs-steps":20}"#)
    );
    assert!(sent.origins.values().all(|by| *by == Origin::Person { how: Said::Run(12) }));
    draft.undo();
    assert_eq!(draft.setting(&key("6-inputs-text")), Some(value("a dog")));
}

#[test]
fn undo_and_redo_walk_the_same_road() {
    let mut draft = draft(Layer::default());
    let start = draft.clone();
    draft.set(&key("3-inputs-steps"), value(5));
    let several = [
        (key("3-inputs-steps"), value(6)),
        (key("6-inputs-text"), value("x")),
        (key("9-inputs-gone"), value(1)),
    ];
    draft.say(several, Said::Typed);
    draft.set_policy(&key("3-inputs-seed"), SeedPolicy::Increment);
    draft.reset([&key("6-inputs-text")]);
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
    // The preset is saved with 25 while the person is already at 27.
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
fn what_is_read_again_keeps_who_set_it() {
    let mut before = draft(Layer::default());
    before.set(&key("3-inputs-steps"), value(25));
    before.say([(key("6-inputs-text"), value("a dog"))], Said::Import);
    before.set_policy(&key(SEED), SeedPolicy::Increment);
    let workflow =
        Workflow::parse(r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 30}}}"#);
    let mut fresh = Draft::new(param::parameters(&workflow.expect("a workflow")), Layer::default());
    assert_eq!(fresh.take_over(before), [key("6-inputs-text")]);
    assert_eq!(fresh.origin(&key("3-inputs-steps")), Origin::Person { how: Said::Typed });
    assert_eq!((fresh.policy(&key(SEED)), fresh.can_undo()), (SeedPolicy::Increment, false));
}

#[test]
fn going_back_to_the_preset_is_no_change_and_still_said() {
    let mut draft = draft(layer(&[("3-inputs-steps", 30.into())], &[]));
    draft.set(&key("3-inputs-steps"), value(20));
    draft.set(&key("3-inputs-steps"), value(30));
    assert_eq!((draft.changes(), draft.origin(&key("3-inputs-steps")).is_said()), (0, true));
    draft.reset([&key("3-inputs-steps")]);
    assert_eq!(draft.origin(&key("3-inputs-steps")), Origin::Preset { name: "hero".to_owned() });
    assert!(!draft.is_edited());
}
