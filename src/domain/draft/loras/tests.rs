use super::*;
use crate::domain::draft::Layer;
use crate::domain::param::parameters_by;
use crate::domain::schema::Schema;
use crate::domain::{Said, Workflow, shape};

const WORKFLOW: &str = r#"{
        "10": {"class_type": "Power Lora Loader (rgthree)", "inputs": {"PowerLoraLoaderHeaderWidget": {"type": "PowerLoraLoaderHeaderWidget"},
            "lora_1": {"on": true, "lora": "a b.safetensors", "strength": 0.8, "strengthTwo": 0.5}, "lora_2": {"on": false, "lora": "b", "strength": 1, "strengthTwo": 1},
            "➕ Add Lora": "", "model": ["4", 0]}},
        "11": {"class_type": "CR LoRA Stack", "inputs": {"switch_1": "On", "lora_name_1": "a", "model_weight_1": 0.7, "clip_weight_1": 0.6,
            "switch_2": "Off", "lora_name_2": "None", "model_weight_2": 1, "clip_weight_2": 1}},
        "12": {"class_type": "easy loraStack", "inputs": {"toggle": true, "mode": "simple", "num_loras": 1, "lora_1_name": "a", "lora_1_strength": 0.5,
            "lora_1_model_strength": 1, "lora_1_clip_strength": 1, "lora_2_name": "b", "lora_2_strength": 1, "lora_2_model_strength": 1, "lora_2_clip_strength": 1}},
        "13": {"class_type": "LoraLoader", "inputs": {"lora_name": "a", "strength_model": 0.8, "strength_clip": 1.0, "model": ["4", 0], "clip": ["4", 1]}},
        "14": {"class_type": "Lora Loader Stack (rgthree)", "inputs": {"lora_01": "a", "strength_01": 0.3, "lora_02": "None", "strength_02": 0}},
        "15": {"class_type": "Power Lora Loader (rgthree)", "inputs": {"model": ["4", 0]}}}"#;

fn draft() -> Draft {
    let workflow = Workflow::parse(WORKFLOW).expect("a workflow");
    Draft::new(parameters_by(&workflow, &Schema::default()), Layer::default())
}

fn key(text: &str) -> ParamKey {
    ParamKey::parse(text).expect(text)
}

/// The rows as the list shows them.
fn shown(draft: &Draft, node: &str) -> Vec<String> {
    let of_node = draft.params().iter().filter(|param| param.key.node() == node && !param.is_lora_part);
    let of_node = of_node.filter(|param| !draft.is_empty_row(param));
    of_node
        .filter_map(|param| Some(format!("{} {}", param.key.input(), draft.lora(&param.key)?.text())))
        .collect()
}

fn say(draft: &mut Draft, change: impl FnOnce(&Draft) -> Option<Change>) {
    let change = change(draft).expect("a change");
    draft.say(change, Said::Typed);
}

/// The inputs of a node as they are sent.
fn sent(draft: &Draft, node: &str) -> Value {
    let sent = draft.submission(false).expect("something to send");
    shape::graph(WORKFLOW, &sent.params).expect("a graph")[node]["inputs"].clone()
}

#[test]
fn every_node_has_its_rows_and_only_those_in_use_are_shown() {
    let draft = draft();
    for (node, rows) in [
        ("10", &["lora_1 on a b.safetensors 0.8 0.5", "lora_2 off b 1 1"][..]),
        ("11", &["lora_name_1 on a 0.7 0.6"]),
        ("12", &["lora_1_name on a"]),
        ("13", &["lora_name on a 0.8 1.0"]),
        ("14", &["lora_01 on a 0.3"]),
        ("15", &[]),
    ] {
        assert_eq!(shown(&draft, node), rows, "{node}");
    }
    assert!(draft.params().iter().all(|param| !param.is_lora_part || param.key.input() != "lora_1_strength"));
}

#[test]
fn an_added_row_is_sent_and_a_removed_one_loads_nothing() {
    let mut draft = draft();
    assert_eq!(draft.lora_free(Some(&key("10-inputs-lora_1"))), Some(&key("10-inputs-lora_3")));
    say(&mut draft, |draft| draft.lora_named(&key("10-inputs-lora_3"), "c"));
    assert_eq!(shown(&draft, "10")[2], "lora_3 on c 1 1");
    say(&mut draft, |draft| draft.lora_stepped(&key("10-inputs-lora_3"), -4));
    assert_eq!(
        sent(&draft, "10")["lora_3"],
        json!({"on": true, "lora": "c", "strength": 0.80, "strengthTwo": 1})
    );
    say(&mut draft, |draft| draft.lora_removed(&key("10-inputs-lora_1")).ok());
    assert_eq!(shown(&draft, "10"), ["lora_2 off b 1 1", "lora_3 on c 0.8 1"]);
    assert_eq!(
        sent(&draft, "10")["lora_1"],
        json!({"on": false, "lora": "None", "strength": 0.8, "strengthTwo": 0.5})
    );
    // One that was added is gone, and is no longer sent.
    say(&mut draft, |draft| draft.lora_removed(&key("10-inputs-lora_3")).ok());
    assert_eq!(shown(&draft, "10"), ["lora_2 off b 1 1"]);
    assert_eq!(sent(&draft, "10").get("lora_3"), None);
    draft.undo();
    draft.undo();
    assert_eq!(shown(&draft, "10").len(), 3);
    // A list that has no row yet.
    assert_eq!(draft.lora_free(Some(&key("15-inputs-model"))), Some(&key("15-inputs-lora_1")));
    say(&mut draft, |draft| draft.lora_named(&key("15-inputs-lora_1"), "c"));
    assert_eq!(sent(&draft, "15")["lora_1"], json!({"on": true, "lora": "c", "strength": 1}));
}

#[test]
fn rows_of_several_inputs_are_added_switched_stepped_and_removed_whole() {
    let mut draft = draft();
    let free = draft.lora_free(Some(&key("11-inputs-switch_1"))).cloned().expect("a row");
    assert_eq!(free, key("11-inputs-lora_name_2"));
    say(&mut draft, |draft| draft.lora_named(&free, "b"));
    assert_eq!(shown(&draft, "11")[1], "lora_name_2 on b 1 1");
    assert_eq!(sent(&draft, "11")["switch_2"], json!("On"));
    say(&mut draft, |draft| draft.lora_toggled(&free));
    say(&mut draft, |draft| draft.lora_stepped(&free, 1));
    assert_eq!(shown(&draft, "11")[1], "lora_name_2 off b 1.05 1.05");
    say(&mut draft, |draft| draft.lora_typed(&free, "on c d 0.2 0.30").ok());
    assert_eq!(shown(&draft, "11")[1], "lora_name_2 on c d 0.2 0.30");
    let (place, change) = draft.lora_moved(&free, true).expect("a row above");
    assert_eq!(place, key("11-inputs-lora_name_1"));
    say(&mut draft, |_| Some(change));
    assert_eq!(shown(&draft, "11"), ["lora_name_1 on c d 0.2 0.30", "lora_name_2 on a 0.7 0.6"]);
    say(&mut draft, |draft| draft.lora_removed(&place).ok());
    assert_eq!(shown(&draft, "11"), ["lora_name_2 on a 0.7 0.6"]);
    assert_eq!(sent(&draft, "11")["switch_1"], json!("Off"));
    // Where an input says how many rows count, an added one counts.
    say(&mut draft, |draft| draft.lora_named(&key("12-inputs-lora_2_name"), "c"));
    assert_eq!(sent(&draft, "12")["num_loras"], json!(2));
    assert_eq!(shown(&draft, "12"), ["lora_1_name on a", "lora_2_name on c"]);
}

#[test]
fn a_lora_without_a_switch_is_off_at_no_strength_and_comes_back_as_it_was() {
    let mut draft = draft();
    let loader = key("13-inputs-lora_name");
    say(&mut draft, |draft| draft.lora_toggled(&loader));
    assert_eq!(shown(&draft, "13"), ["lora_name off a 0.0 0.0"]);
    assert_eq!(sent(&draft, "13")["strength_model"], json!(0.0));
    say(&mut draft, |draft| draft.lora_toggled(&loader));
    assert_eq!(shown(&draft, "13"), ["lora_name on a 0.8 1.0"]);
    assert!(draft.lora_removed(&loader).is_err() && draft.lora_moved(&loader, true).is_none());
    for (typed, expected) in [
        ("off x 0.5 0.4", "off x 0.0 0.0"),
        ("on x y 0.5 0.4", "on x y 0.5 0.4"),
        ("z z.safetensors", "on z z.safetensors 0.5 0.4"),
    ] {
        say(&mut draft, |draft| draft.lora_typed(&loader, typed).ok());
        assert_eq!(draft.lora(&loader).map(|line| line.text()).as_deref(), Some(expected), "{typed}");
    }
    for wrong in ["on", "on x", "on x 0.5", "on x a b"] {
        assert!(draft.lora_typed(&loader, wrong).is_err(), "{wrong}");
    }
}
