use serde_json::json;

use super::*;
use crate::domain::param::{ParamKind, ToldBy, parameters_by};
use crate::domain::{ParamKey, Parameter, Workflow};

/// Nodes of every form that servers write.
const NODES: &str = r#"{
    "KSampler": {
        "input": {
            "required": {
                "sampler_name": [["euler", "res_4s"], {"tooltip": "How \u001b[31mnoise\u0007 is removed."}],
                "seed": ["INT", {"default": 0, "min": 0, "max": 18446744073709551615, "control_after_generate": true}],
                "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01}],
                "model": ["MODEL"]
            },
            "optional": {"note": ["STRING", {"multiline": true, "advanced": true}]},
            "hidden": {"unique_id": "UNIQUE_ID"}
        },
        "input_order": {"required": ["model", "seed", "cfg", "sampler_name"], "optional": ["note"]},
        "output": ["LATENT", ["a", "b"]], "output_name": ["LATENT"], "display_name": null, "category": "sampling",
        "output_node": false
    },
    "LoraLoader": {"input": {"required": {"lora_name": [["SD/detail.safetensors", "style.safetensors"]]}}},
    "Load": {"input": {"required": {
        "image": [["a.png", "b.png"], {"image_upload": true}],
        "video": ["COMBO", {"options": ["a.mp4"], "video_upload": true}],
        "remote": ["COMBO", {"remote": {"route": "/x"}}],
        "tags": ["COMBO", {"options": ["a", "b"], "multi_select": {"chip": true}}],
        "none": [[], {}],
        "mixed": [["a", 2, true, null, {"x": 1}]]
    }}, "output": [], "output_node": true, "api_node": true},
    "Odd": {"input": {"required": {
        "either": ["INT,FLOAT", {"min": -1, "widgetType": "FLOAT"}],
        "linked": ["IMAGE,MASK"],
        "socket": ["INT", {"forceInput": true}],
        "on": ["BOOLEAN", {"label_on": "yes", "label_off": "no"}],
        "broken": "INT", "empty": [], "number": [3], "anything": ["*"]
    }, "optional": null}, "input_order": 7, "output": "X"},
    "Resize": {"input": {"required": {
        "mode": ["COMFY_DYNAMICCOMBO_V3", {"options": [
            {"key": "scale", "inputs": {"required": {"by": ["FLOAT", {"max": 8}]}}},
            {"key": "deep", "inputs": {"required": {"kind": ["COMFY_DYNAMICCOMBO_V3", {"options": [
                {"key": "x", "inputs": {"optional": {"count": ["INT", {}]}}}]}]}}},
            {"key": "match"}]}],
        "images": ["COMFY_AUTOGROW_V3", {"template": {"input": {"required": {"image": ["IMAGE", {}]}}, "prefix": "image", "min": 2, "max": 5}}]
    }}},
    "NoNode": {"error": "x"}, "Text": "no", "Later": [1]
}"#;

fn schema() -> Schema {
    Schema::parse(NODES).expect("a schema")
}

#[test]
fn inputs_keep_the_order_of_the_editor_and_everything_it_knows() {
    let schema = schema();
    assert_eq!(schema.len(), 5);
    let sampler = schema.class("KSampler").expect("a class");
    assert_eq!(sampler.inputs.keys().collect::<Vec<_>>(), ["model", "seed", "cfg", "sampler_name", "note"]);
    assert_eq!((sampler.title.as_str(), sampler.category.as_str()), ("KSampler", "sampling"));
    let of = |name: &str| &sampler.inputs[name];
    assert_eq!((&of("model").takes, of("model").has_widget), (&Takes::Link, false));
    assert!(
        of("seed").has_control && !of("cfg").has_control && of("seed").is_required && !of("note").is_required
    );
    let Takes::Integer(seeds) = &of("seed").takes else { panic!("no whole number") };
    assert_eq!(seeds.max.as_ref().map(ToString::to_string).as_deref(), Some("18446744073709551615"));
    let Takes::Float(cfg) = &of("cfg").takes else { panic!("no number") };
    assert_eq!(cfg.round.as_ref().map(ToString::to_string).as_deref(), Some("0.01"));
    assert_eq!(of("cfg").default, Some(json!(8.0)));
    assert_eq!(of("sampler_name").tooltip, "How  [31mnoise  is removed.");
    assert_eq!((&of("note").takes, of("note").is_advanced), (&Takes::Text { multiline: true }, true));
    let outputs: Vec<_> = sampler.outputs.iter().map(|out| (out.name.as_str(), out.kind.as_str())).collect();
    assert_eq!(outputs, [("LATENT", "LATENT"), ("COMBO", "COMBO")]);
    let load = schema.class("Load").expect("a class");
    assert!(load.is_output && load.is_paid);
}

#[test]
fn odd_inputs_are_read_as_far_as_they_go() {
    let schema = schema();
    let of = |class: &str, name: &str| schema.input(class, name, None).expect(name).clone();
    let labels = |takes: &Takes| match takes {
        Takes::Choice(choices) | Takes::Several(choices) | Takes::File(_, choices) => {
            choices.iter().map(|choice| choice.label.clone()).collect::<Vec<_>>().join(" ")
        }
        other => panic!("{other:?} has no choices"),
    };
    assert_eq!(labels(&of("Load", "image").takes), "a.png b.png");
    assert!(matches!(of("Load", "video").takes, Takes::File(FileKind::Video, _)));
    assert_eq!(of("Load", "remote").takes, Takes::Text { multiline: false });
    assert!(matches!(of("Load", "tags").takes, Takes::Several(_)));
    assert_eq!(labels(&of("Load", "none").takes), "");
    assert_eq!(labels(&of("Load", "mixed").takes), "a 2 true");
    let either = of("Odd", "either");
    assert!(matches!(either.takes, Takes::Float(_)) && either.has_widget && either.kinds == ["INT", "FLOAT"]);
    assert_eq!((of("Odd", "linked").takes, of("Odd", "linked").has_widget), (Takes::Link, false));
    let socket = of("Odd", "socket");
    assert!(matches!(socket.takes, Takes::Integer(_)) && !socket.has_widget);
    assert_eq!(of("Odd", "on").takes, Takes::Boolean(Some(["yes".to_owned(), "no".to_owned()])));
    for name in ["broken", "empty", "number", "anything"] {
        assert_eq!(of("Odd", name).takes, Takes::Link, "{name}");
    }
}

#[test]
fn inputs_that_another_brings_follow_its_choice() {
    let schema = schema();
    let node =
        |mode: &str| IndexMap::from([("mode".to_owned(), json!(mode)), ("mode.kind".to_owned(), json!("x"))]);
    let kind = |mode: &str, name: &str| {
        schema.input("Resize", name, Some(&node(mode))).map(|input| input.kinds.join(","))
    };
    assert_eq!(kind("scale", "mode.by").as_deref(), Some("FLOAT"));
    assert_eq!(kind("match", "mode.by"), None);
    assert_eq!(kind("deep", "mode.kind.count").as_deref(), Some("INT"));
    assert_eq!(kind("scale", "images.image4").as_deref(), Some("IMAGE"));
    assert_eq!(kind("scale", "images.image5"), None);
    assert_eq!(kind("scale", "nothing.at.all"), None);
}

#[test]
fn equal_lists_are_kept_once() {
    let node = r#"{"input": {"required": {"name": [["a", "b"]]}}}"#;
    let text = format!(r#"{{"One": {node}, "Two": {node}}}"#);
    let schema = Schema::parse(&text).expect("a schema");
    let list = |class: &str| match &schema.input(class, "name", None).expect(class).takes {
        Takes::Choice(choices) => Arc::clone(choices),
        other => panic!("{other:?}"),
    };
    assert!(Arc::ptr_eq(&list("One"), &list("Two")));
}

#[test]
fn other_texts_are_refused() {
    for (text, why) in [
        ("", SchemaError::NotJson(String::new())),
        ("{\"KSampler\": {\"input\"", SchemaError::NotJson(String::new())),
        ("[1]", SchemaError::NoNodes),
        ("{\"1\": {\"class_type\": \"KSampler\"}}", SchemaError::NoNodes),
        ("{}", SchemaError::NoNodes),
    ] {
        let found = Schema::parse(text).expect_err(text);
        assert_eq!(std::mem::discriminant(&found), std::mem::discriminant(&why), "{text}: {found}");
    }
}

fn parameter<'p>(found: &'p [Parameter], key: &str) -> &'p Parameter {
    found.iter().find(|parameter| parameter.key == ParamKey::parse(key).expect(key)).expect(key)
}

#[test]
fn parameters_know_what_the_server_says() {
    let workflow = r#"{
        "3": {"class_type": "KSampler", "inputs": {"seed": 5, "cfg": 6, "sampler_name": "res_4s", "note": "x"}},
        "4": {"class_type": "Load", "inputs": {"image": "c.png", "mixed": 2, "none": "gone", "tags": ["a"]}},
        "5": {"class_type": "Odd", "inputs": {"either": 3, "on": true, "linked": ["3", 0], "socket": "no number"}},
        "6": {"class_type": "Power", "inputs": {"lora_1": {"on": true, "lora": "style.safetensors", "strength": 1}}},
        "7": {"class_type": "Resize", "inputs": {"mode": "scale", "mode.by": 2}}
    }"#;
    let found = parameters_by(&Workflow::parse(workflow).expect("a workflow"), &schema());
    let of = |key: &str| parameter(&found, key);
    let sampler = of("3-inputs-sampler_name");
    assert_eq!(
        (&sampler.kind, sampler.choices.len(), sampler.told_by),
        (&ParamKind::Choice, 2, ToldBy::Server)
    );
    assert!(sampler.help.starts_with("How"));
    assert_eq!(of("3-inputs-cfg").usual, Some(json!(8.0)));
    assert_eq!((&of("3-inputs-note").kind, of("3-inputs-note").advanced), (&ParamKind::LongText, true));
    assert_eq!((&of("3-inputs-seed").kind, of("3-inputs-seed").told_by), (&ParamKind::Seed, ToldBy::Server));
    assert_eq!(of("4-inputs-image").choices.len(), 2);
    assert_eq!(of("4-inputs-image-viewcomfymask").choices.len(), 0);
    assert_eq!((&of("4-inputs-mixed").kind, of("4-inputs-mixed").choices.len()), (&ParamKind::Choice, 3));
    assert_eq!((&of("4-inputs-none").kind, of("4-inputs-none").choices.len()), (&ParamKind::Choice, 0));
    assert_eq!(of("4-inputs-tags").kind, ParamKind::Several);
    assert_eq!((&of("5-inputs-either").kind, of("5-inputs-on").choices.len()), (&ParamKind::Float, 2));
    assert_eq!(of("5-inputs-linked").kind, ParamKind::Link);
    // A value that the server's type does not fit is what it looks like.
    assert_eq!(
        (&of("5-inputs-socket").kind, of("5-inputs-socket").told_by),
        (&ParamKind::Text, ToldBy::Nobody)
    );
    assert_eq!((&of("6-inputs-lora_1").kind, of("6-inputs-lora_1").choices.len()), (&ParamKind::Lora, 2));
    assert_eq!((&of("7-inputs-mode").kind, of("7-inputs-mode").choices.len()), (&ParamKind::Choice, 3));
    assert_eq!(of("7-inputs-mode.by").range.max, Some(8.into()));
}
