use std::time::Duration;

use super::*;
use crate::domain::draft::Layer;
use crate::domain::{Draft, Workflow, param};

fn model(workflow: &str) -> Model {
    let mut params = param::parameters(&Workflow::parse(workflow).expect("a workflow"));
    param::arrange(&mut params);
    Model { draft: Draft::new(params, Layer::default()), ..Model::default() }
}

fn shown(model: &Model) -> Vec<String> {
    let of = |row: &Row| match row {
        Row::Heading(text) => format!("[{text}]"),
        Row::Param { index, height, of, .. } => {
            format!("{} {height}", label(model, &model.draft.params()[*index], *of))
        }
    };
    rows(model, 60).rows.iter().map(of).collect()
}

#[test]
fn what_people_change_stands_on_top_and_loaders_last() {
    let mut model = model(
        r#"{
            "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "base.safetensors"}, "_meta": {"title": "Load"}},
            "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}, "_meta": {"title": "Encode"}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat\na dog", "clip": ["4", 1]}, "_meta": {"title": "Encode"}},
            "8": {"class_type": "Tool", "inputs": {"data": "{\"a\": [\n1]}", "upload": "image"}},
            "10": {"class_type": "Power Lora Loader (rgthree)", "inputs": {"lora_1": {"on": true, "lora": "a", "strength": 1}}},
            "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "positive": ["6", 0], "negative": ["7", 0], "model": ["4", 0]}}
        }"#,
    );
    let expected = [
        "prompt 2",
        "negative 1",
        "seed 1",
        "steps 1",
        "[Tool]",
        "data 1",
        "[Power Lora Loader (rgthree)]",
        "lora_1 1",
        "[Load]",
        "ckpt_name 1",
    ];
    assert_eq!(shown(&model), expected);
    model.params.filter = "upload".to_owned();
    assert_eq!(shown(&model), Vec::<String>::new());
    model.params.show_all = true;
    assert_eq!(shown(&model), ["upload 1"]);
}

#[test]
fn a_group_of_a_form_has_one_heading() {
    let mut model = model(
        r#"{"1": {"class_type": "A", "inputs": {"x": 1}}, "2": {"class_type": "B", "inputs": {"y": 2}}}"#,
    );
    let params = model.draft.params().iter().cloned();
    let of_form = params.map(|p| Parameter { group: "Look".to_owned(), is_of_form: true, ..p });
    model.draft = Draft::new(of_form.collect(), Layer::default());
    assert_eq!(shown(&model), ["[Look]", "x 1", "y 1"]);
}

#[test]
fn prompts_that_hold_the_same_are_one_row() {
    let mut model = model(
        r#"{
            "6": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"text_g": "a cat", "text_l": "a cat", "clip": ["4", 1]}},
            "3": {"class_type": "KSampler", "inputs": {"seed": 7, "positive": ["6", 0], "negative": ["7", 0]}}
        }"#,
    );
    assert_eq!(shown(&model), ["prompt ×2 1", "seed 1"]);
    let key = |input| ParamKey::new("6", input);
    assert_eq!(of_row(&model, &key("text_l")), [key("text_g"), key("text_l")]);
    model.params.show_all = true;
    assert_eq!(shown(&model)[..2], ["prompt text_g 1", "prompt text_l 1"]);
    assert_eq!(of_row(&model, &key("text_l")), [key("text_l")]);
}

#[test]
fn time_grows_with_the_parameters_and_no_faster() {
    let of = |nodes: usize| {
        let node = |at: usize| {
            format!(
                r#""{at}": {{"class_type": "A", "inputs": {{"x": 1, "y": "some words to read", "z": true}}, "_meta": {{"title": "Node"}}}}"#
            )
        };
        let nodes: Vec<String> = (0..nodes).map(node).collect();
        model(&format!("{{{}}}", nodes.join(",")))
    };
    let fastest = |model: &Model| {
        // Of this thread alone: what else the machine does is not counted.
        let now = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            Duration::try_from(time).expect("time since the thread began")
        };
        let time = |_| {
            let started = now();
            assert!(!rows(model, 60).rows.is_empty());
            now() - started
        };
        (0..7).map(time).min().unwrap_or_default().max(Duration::from_micros(1))
    };
    let (small, large) = (of(250), of(4_000));
    let (small, large) = (fastest(&small), fastest(&large));
    // 16 times as many: quadratic time would be 256 times as long.
    assert!(large < small * 64, "{small:?} became {large:?}");
}
