//! Rows of LoRA lists by keys.

use super::*;
use crate::domain::draft::Layer;
use crate::domain::schema::Schema;
use crate::domain::{Draft, Workflow, param};

const LISTS: &str = r#"{
    "10": {"class_type": "Power Lora Loader (rgthree)", "inputs": {"lora_1": {"on": true, "lora": "detail.safetensors", "strength": 0.8}}},
    "11": {"class_type": "CR LoRA Stack", "inputs": {"switch_1": "On", "lora_name_1": "hats.safetensors", "model_weight_1": 0.7, "clip_weight_1": 0.6,
        "switch_2": "Off", "lora_name_2": "None", "model_weight_2": 1, "clip_weight_2": 1}},
    "13": {"class_type": "LoraLoader", "inputs": {"lora_name": "film.safetensors", "strength_model": 0.8, "strength_clip": 1.0}}}"#;

fn stage() -> Stage {
    let mut stage = wide();
    let mut params = param::parameters_by(&Workflow::parse(LISTS).expect("a workflow"), &Schema::default());
    param::arrange(&mut params);
    stage.model.draft = Draft::new(params, Layer::default());
    stage.press("esc");
    select(&mut stage, "10-inputs-lora_1");
    stage
}

fn select(stage: &mut Stage, at: &str) {
    stage.model.focus = Pane::Parameters;
    stage.model.params.selected = Some(key(at));
}

/// The lines of the list that name a LoRA, without gaps.
fn rows(stage: &Stage) -> Vec<String> {
    let screen = stage.screen();
    let left = screen.lines().map(|line| line.split('│').next().unwrap_or_default());
    let words = left.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    words.filter(|line| line.contains(".safetensors")).collect()
}

#[test]
fn each_lora_is_a_row_that_steps_switches_and_is_typed_whole() {
    let mut stage = stage();
    assert_eq!(
        rows(&stage),
        [
            "▌ lora_1 ● on detail.safetensors 0.8",
            "lora_name_1 ● on hats.safetensors 0.7 0.6",
            "lora_name ● on film.safetensors 0.8 1.0"
        ]
    );
    select(&mut stage, "11-inputs-lora_name_1");
    stage.press("right");
    stage.press("t");
    assert_eq!(rows(&stage)[1], "▌• lora_name_1 ○ off hats.safetensors 0.75 0.65");
    stage.press("i");
    stage.press("ctrl+u");
    stage.type_text("on a hat.safetensors 0.3 0.2");
    stage.press("enter");
    assert_eq!(rows(&stage)[1], "▌• lora_name_1 ● on a hat.safetensors 0.3 0.2");
    stage.press("x");
    assert_eq!(rows(&stage)[1], "▌ lora_name_1 ● on hats.safetensors 0.7 0.6");
    // What is looked for is found, and everything is shown on request.
    stage.press("a");
    assert!(stage.screen().contains("clip_weight_2"), "{}", stage.screen());
}

#[test]
fn rows_are_added_moved_and_removed_and_undo_brings_them_back() {
    let mut stage = stage();
    stage.press("A");
    // No server says which there are: those in use are listed, and another can be typed.
    assert!(stage.screen().contains("film.safetensors"), "{}", stage.screen());
    stage.type_text("new.safetensors");
    stage.press("enter");
    assert_eq!(rows(&stage)[1], "▌• lora_2 ● on new.safetensors 1");
    stage.press("alt+up");
    assert_eq!(
        rows(&stage)[..2],
        ["▌• lora_1 ● on new.safetensors 1", "• lora_2 ● on detail.safetensors 0.8"]
    );
    stage.press("delete");
    assert_eq!(stage.told(), "Removed new.safetensors. Undo (u) brings it back");
    assert_eq!(rows(&stage)[0], "▌• lora_2 ● on detail.safetensors 0.8");
    stage.press("u");
    assert_eq!(rows(&stage).len(), 4);
    let effects = stage.press("ctrl+r");
    let Some(Effect::Do(Operation::Submit(order))) = effects.first() else { panic!("{effects:?}") };
    let sent = |at: &str| order.submission.params[&key(at)].to_string();
    assert_eq!(sent("10-inputs-lora_1"), r#"{"on":true,"lora":"new.safetensors","strength":1}"#);
    assert_eq!(sent("10-inputs-lora_2"), r#"{"on":true,"lora":"detail.safetensors","strength":0.8}"#);
    // Where nothing is added, a key says why.
    select(&mut stage, "13-inputs-lora_name");
    stage.press("delete");
    assert_eq!(stage.told(), "Only a row of a LoRA list can be removed; t turns a LoRA off");
}
