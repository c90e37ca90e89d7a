//! What is done with outputs, and from a picture back to its parameters.

use super::*;
use crate::domain::RunEvent;
use crate::domain::Workflow;
use crate::domain::run::Preview;
use crate::library::import::Imported;
use crate::picture::PictureProtocol;
use crate::tui::model::Model;
use crate::tui::panes::output::{Rendered, RenderedBody};

/// A run that is done, with a second output when it is asked for.
fn with_outputs(more: &[(&str, &str)]) -> Stage {
    let mut stage = wide();
    let mut done = run(7, "a cat", &[Status::Running, Status::Done]);
    for (name, content_type) in more {
        let mut output = done.outputs[0].clone();
        (output.path, output.content_type) = (format!("/out/{name}").into(), (*content_type).to_owned());
        done.outputs.push(output);
    }
    stage.hear(runs_msg(vec![RunSummary::from(&done)]));
    stage.hear(Msg::Run(7, Some(Box::new(done))));
    stage.press("3");
    stage
}

const PICTURE: &str = "/home/ada/pictures/flamingo_00001_.png";

#[test]
fn the_only_output_is_meant_without_asking() {
    let mut stage = with_outputs(&[]);
    assert_eq!(stage.press("v"), [Effect::Do(Operation::View(PICTURE.into()))]);
    assert_eq!(stage.press("y"), [Effect::Screen(ScreenEffect::Copy(PICTURE.to_owned()))]);
    assert_eq!(stage.press("Y"), [Effect::Screen(ScreenEffect::CopyScp(PICTURE.into()))]);
    assert_eq!(stage.press("i"), [Effect::Do(Operation::Import(PICTURE.into(), None))]);
    assert_eq!(
        stage.press("o"),
        [Effect::Do(Operation::CheckFile(key("52-inputs-image"), PICTURE.into(), FileKind::Image))]
    );
    assert_eq!(stage.model.draft.setting(&key("52-inputs-image")), Some(Setting::File(PICTURE.into())));
    assert_eq!(
        (stage.model.focus, stage.model.params.selected.clone()),
        (Pane::Parameters, Some(key("52-inputs-image")))
    );
    assert_eq!(stage.told(), "image is now flamingo_00001_.png. Undo restores the old one");
    stage.press("u");
    assert_eq!(stage.model.draft.setting(&key("52-inputs-image")), Some(value("server.png")));
}

#[test]
fn one_of_several_outputs_is_chosen() {
    let mut stage = with_outputs(&[("b.mp4", "video/mp4"), ("c.txt", "text/plain")]);
    assert_eq!(stage.press("v"), []);
    assert!(stage.screen().contains("b.mp4"), "{}", stage.screen());
    assert_eq!(stage.press("down enter"), [Effect::Do(Operation::View("/out/b.mp4".into()))]);
    stage.press("o down");
    assert_eq!(stage.press("enter"), []);
    assert_eq!(stage.told(), "The open workflow has no parameter that takes b.mp4");
    let none = run(8, "a dog", &[Status::Running]);
    stage.hear(runs_msg(vec![RunSummary::from(&none)]));
    stage.hear(Msg::Run(8, Some(Box::new(none))));
    assert_eq!(stage.press("y"), []);
    assert_eq!(stage.told(), "This run has no output yet");
}

fn imported(graph: &str) -> Msg {
    let graph = Workflow::parse(graph).expect("a graph");
    Msg::Imported(Box::new(Imported {
        path: "/in/old.png".into(),
        kind: "PNG",
        graph,
        has_ui_graph: false,
        notes: Vec::new(),
    }))
}

const WHOLE: &str = r#"{
    "3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 30, "cfg": 7.5}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "an old cat"}}}"#;
const PARTLY: &str = r#"{
    "3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": "many", "cfg": 6.0, "eta": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "an old cat\nwith a hat"}},
    "80": {"class_type": "LoraLoader", "inputs": {"lora_name": "hats.safetensors", "strength_model": 0.8}}}"#;

fn text_and_seed(model: &Model) -> (Option<Setting>, Option<Setting>, SeedPolicy) {
    let (text, seed) = (key("6-inputs-text"), key("3-inputs-seed"));
    (model.draft.setting(&text), model.draft.setting(&seed), model.draft.policy(&seed))
}

#[test]
fn a_path_is_asked_for_and_what_fits_whole_is_loaded_as_one_step() {
    let mut stage = wide();
    assert_eq!(stage.press("I"), [Effect::Do(Operation::CompletePath(String::new()))]);
    stage.press("enter");
    assert!(stage.screen().contains("Type the path"), "{}", stage.screen());
    stage.type_text("old.png");
    assert_eq!(stage.press("enter"), [Effect::Do(Operation::Import("old.png".into(), None))]);
    let before = text_and_seed(&stage.model);
    assert!(stage.hear(imported(WHOLE)).is_empty());
    assert_eq!(stage.told(), "Loaded 3 values of old.png; its seed is used next. Undo reverts it");
    assert_eq!(
        text_and_seed(&stage.model),
        (Some(value("an old cat")), Some(value(5)), SeedPolicy::Randomize)
    );
    stage.press("u");
    assert_eq!((text_and_seed(&stage.model), stage.model.draft.can_undo()), (before, false));
    stage.press("U");
    assert_eq!(text_and_seed(&stage.model).1, Some(value(5)), "its seed runs next, whatever the policy");
    stage.hear(imported(WHOLE));
    assert_eq!(stage.told(), "old.png was made with exactly the current values");
    // With unsaved edits, the graph is shown first.
    stage.model.draft.set(&key("6-inputs-text"), value("mine"));
    stage.hear(imported(WHOLE));
    assert!(stage.screen().contains("Is the same  3"), "{}", stage.screen());
    assert!(stage.press("enter").is_empty());
    assert_eq!(stage.told(), "Loaded 1 value of old.png. Undo reverts it");
}

#[test]
fn what_does_not_fit_is_shown_before_anything_is_loaded() {
    for (width, height) in [(120, 40), (80, 24)] {
        let mut stage = Stage::new(width, height);
        stage.hear(imported(PARTLY));
        insta::assert_snapshot!(format!("import_{width}x{height}"), stage.screen());
    }
    let mut stage = wide();
    let before = text_and_seed(&stage.model);
    stage.hear(imported(PARTLY));
    stage.press("esc");
    assert_eq!(text_and_seed(&stage.model), before);
    stage.hear(imported(PARTLY));
    assert!(stage.press("enter").is_empty());
    assert_eq!(
        stage.told(),
        "Loaded 2 values of old.png; its seed is used next; 4 left out. Undo reverts it"
    );
    assert_eq!(stage.model.draft.setting(&key("3-inputs-steps")), Some(value(30)));
}

#[test]
fn a_graph_opens_as_a_workflow_and_edits_are_asked_for_first() {
    let mut stage = wide();
    stage.hear(imported(PARTLY));
    let graph = Box::new(Workflow::parse(PARTLY).expect("a graph"));
    let open = [Effect::Do(Operation::OpenGraph {
        name: "old".to_owned(),
        graph,
        profile: ProfileChoice::default(),
    })];
    assert_eq!(stage.press("o"), open);
    stage.hear(Msg::NotOpened("the disk is full".to_owned()));
    stage.press("right");
    stage.model.draft.set(&key("6-inputs-text"), value("mine"));
    stage.hear(imported(PARTLY));
    assert_eq!(stage.press("o"), []);
    assert!(stage.screen().contains("Open the graph of old.png over"), "{}", stage.screen());
    assert_eq!(stage.press("y"), open);
}

#[test]
fn an_answer_that_comes_while_something_is_typed_waits() {
    let mut stage = wide();
    stage.press("enter");
    stage.type_text("x");
    stage.hear(imported(PARTLY));
    assert!(stage.model.params.editing.is_some() && stage.model.overlay.is_none());
    assert_eq!(stage.told(), "old.png was read meanwhile. Import it again");
}

#[test]
fn the_work_is_looked_at_while_it_goes_on() {
    let mut stage = wide();
    stage.model.output.means.best = Some(PictureProtocol::Blocks);
    let mut working = run(7, "a cat", &[Status::Running]);
    let mut paint = |stage: &mut Stage, number, at| {
        let preview = Preview { number, path: "/previews/7".into(), ..Preview::default() };
        working.apply(&RunEvent::Preview(preview), at);
        stage.hear(runs_msg(vec![RunSummary::from(&working)]));
        stage.model.now = at;
        stage.hear(Msg::Run(7, Some(Box::new(working.clone()))))
    };
    let rendered = |effects: &[Effect]| {
        let mut orders = effects.iter().filter_map(|effect| match effect {
            Effect::Screen(ScreenEffect::Render(order, _)) => Some(order.clone()),
            _ => None,
        });
        orders.next()
    };
    let began = stage.model.now;
    stage.press("5");
    let first = rendered(&paint(&mut stage, 1, began)).expect("an order");
    assert_eq!((first.path.to_str(), first.preview), (Some("/previews/7"), 1));
    assert_eq!(rendered(&paint(&mut stage, 2, began + 1_000)), None, "the first is not there yet");
    let shown = |facts: &str| {
        let body = RenderedBody::Nothing(facts.to_owned());
        Ok(Rendered { kind: "image/jpeg", bytes: 1, facts: Vec::new(), body })
    };
    assert_eq!(
        rendered(&stage.hear(Msg::Rendered(first, shown("dots")))),
        None,
        "not faster than a slow line bears"
    );
    assert!(stage.screen().contains("the work so far"), "{}", stage.screen());
    let third = rendered(&paint(&mut stage, 3, began + 2_000)).expect("an order");
    assert_eq!(third.preview, 3);
    assert!(stage.screen().contains("dots"), "it stays until the next is there: {}", stage.screen());
    assert_eq!(rendered(&paint(&mut stage, 4, began + 9_000)), None, "the third is not there yet");
    let next = rendered(&stage.hear(Msg::Rendered(third, shown("lines")))).expect("an order");
    assert_eq!(next.preview, 4);
    assert!(stage.screen().contains("lines"), "{}", stage.screen());
}
