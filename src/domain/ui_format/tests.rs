//! What no pair of the editor shows; the pairs are in `tests/ui_format`.

use serde_json::{Value, json};

use super::*;

fn workflow(nodes: Value, links: Value) -> Value {
    json!({"nodes": nodes, "links": links, "version": 0.4})
}

fn slot(name: &str, kind: &str, link: Value) -> Value {
    json!({"name": name, "type": kind, "link": link})
}

fn save(id: u32, link: Value) -> Value {
    json!({"id": id, "type": "SaveImage", "inputs": [slot("images", "IMAGE", link)], "outputs": [], "widgets_values": ["x"]})
}

fn image(id: u32) -> Value {
    json!({"id": id, "type": "EmptyImage", "inputs": [], "outputs": [{"type": "IMAGE"}], "widgets_values": [64, 48, 1, 0]})
}

fn inputs(ui: &Value, id: &str) -> Value {
    convert(&ui.to_string(), None).expect("converted").graph[id]["inputs"].clone()
}

fn reasons(ui: &Value) -> String {
    convert(&ui.to_string(), None).expect_err("refused").to_string()
}

#[test]
fn what_was_set_is_found_by_name_also_around_a_subgraph() {
    let set = json!({"id": 2, "type": "SetNode", "inputs": [slot("IMAGE", "IMAGE", json!(1))], "outputs": [{"type": "*"}], "widgets_values": ["pic"]});
    let get = |id: u32| json!({"id": id, "type": "GetNode", "inputs": [], "outputs": [{"type": "IMAGE"}], "widgets_values": ["pic"]});
    let links = json!([[1, 1, 0, 2, 0, "IMAGE"], [2, 3, 0, 4, 0, "IMAGE"]]);
    let plain = workflow(json!([image(1), set, get(3), save(4, json!(2))]), links);
    assert_eq!(inputs(&plain, "4")["images"], json!(["1", 0]));

    let mut within = workflow(
        json!([image(1), set, {"id": 5, "type": "sub", "inputs": [], "outputs": [{"type": "IMAGE"}]}, save(4, json!(2))]),
        json!([[1, 1, 0, 2, 0, "IMAGE"], [2, 5, 0, 4, 0, "IMAGE"]]),
    );
    within["definitions"] = json!({"subgraphs": [{"id": "sub", "name": "S", "inputs": [], "outputs": [], "nodes": [get(7)],
        "links": [{"id": 9, "origin_id": 7, "origin_slot": 0, "target_id": -20, "target_slot": 0}]}]});
    assert_eq!(inputs(&within, "4")["images"], json!(["1", 0]));
}

#[test]
fn links_of_use_everywhere_are_those_that_were_saved() {
    let every = json!({"id": 2, "type": "Anything Everywhere", "inputs": [slot("IMAGE", "IMAGE", json!(1))], "outputs": []});
    let mut ui = workflow(json!([image(1), every, save(3, Value::Null)]), json!([[1, 1, 0, 2, 0, "IMAGE"]]));
    let why = reasons(&ui);
    assert!(why.contains("node 2 (Anything Everywhere)") && why.contains("Use Everywhere"), "{why}");
    ui["extra"] = json!({"ue_links": [{"downstream": 3, "downstream_slot": 0, "upstream": "1", "upstream_slot": "0", "controller": 2, "type": "IMAGE"}]});
    assert_eq!(inputs(&ui, "3")["images"], json!(["1", 0]));
}

#[test]
fn what_cannot_be_converted_is_refused_with_its_node() {
    let group = json!({"id": 8, "type": "workflow>Both", "title": "Mine", "inputs": [], "outputs": []});
    assert!(
        reasons(&workflow(json!([group]), json!([])))
            .contains("node 8 (\u{201c}Mine\u{201d}, workflow>Both): it is a group node, and the group of nodes that it stands for is not in the file")
    );
    let unknown =
        json!({"id": 8, "type": "SomePack Node", "inputs": [], "outputs": [], "widgets_values": [1, "a"]});
    let why = reasons(&workflow(json!([unknown, image(1)]), json!([])));
    assert_eq!(
        why,
        "node 8 (SomePack Node): its values have no names in the file, and nothing is known of this class"
    );
    let lost = json!({"id": 8, "type": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "inputs": [], "outputs": []});
    assert!(reasons(&workflow(json!([lost]), json!([]))).contains("is not in the file"));
    let many: Vec<Value> = (0..9).map(|id| json!({"id": id, "type": "X", "widgets_values": [1]})).collect();
    assert!(reasons(&workflow(json!(many), json!([]))).ends_with("and 4 more"));
    assert_eq!(convert("{}", None), Err(ConvertError::NotUiFormat));
    assert_eq!(convert(r#"{"nodes": []}"#, None), Err(ConvertError::Empty));
    assert!(matches!(convert("{", None), Err(ConvertError::NotJson(_))));
}

#[test]
fn what_could_not_be_known_is_said() {
    let own = json!({"id": 8, "type": "SomePack Node", "outputs": [], "widgets_values": [5, "randomize", "a", "image"], "inputs": [
        {"name": "noise", "type": "INT", "widget": {"name": "noise"}}, {"name": "text", "type": "STRING", "widget": {"name": "text"}}]});
    let ui = workflow(json!([own]), json!([]));
    let converted = convert(&ui.to_string(), None).expect("converted");
    assert_eq!(converted.graph["8"]["inputs"], json!({"noise": 5, "text": "a"}));
    assert_eq!(
        converted.notes,
        [
            "2 values are kept as the file has them, since nothing is known of these classes: node 8 (SomePack Node)"
        ]
    );
    // Decorations and nodes that are switched off are no reason to refuse.
    let off = json!({"id": 9, "type": "SomePack Node", "mode": 4, "widgets_values": [1]});
    let label = json!({"id": 10, "type": "Label (rgthree)", "widgets_values": ["x"]});
    assert!(convert(&workflow(json!([image(1), off, label]), json!([])).to_string(), None).is_ok());
}

#[test]
fn values_of_an_unknown_class_have_names_where_the_editor_saved_them() {
    let own = json!({"id": 8, "type": "SomePack Node", "inputs": [], "widgets_values": [5, "randomize", "a"],
        "widgets_values_named": {"noise": 5, "control_after_generate": "randomize", "text": "a"}});
    let converted = convert(&workflow(json!([own]), json!([])).to_string(), None).expect("converted");
    assert_eq!(converted.graph["8"]["inputs"], json!({"noise": 5, "text": "a"}));
    assert_eq!(converted.controls, [("8".to_owned(), "noise".to_owned(), "randomize")]);
    assert!(converted.notes[0].starts_with("2 values are kept"), "{:?}", converted.notes);
}

/// A group of an image and of what scales it.
fn group(user: Value) -> Value {
    let inner = |class: &str, values: Value, inputs: Value| json!({"type": class, "widgets_values": values, "inputs": inputs, "outputs": [{"type": "IMAGE"}]});
    let mut ui = workflow(json!([user, save(2, json!(1))]), json!([[1, 1, 0, 2, 0, "IMAGE"]]));
    ui["extra"] = json!({"groupNodes": {"Both": {
        "nodes": [inner("EmptyImage", json!([1, 1, 1, 0]), json!([])), inner("ImageScale", json!(["area", 1, 1, "disabled"]), json!([slot("image", "IMAGE", Value::Null)]))],
        "links": [[0, 0, 1, 0, 5, "IMAGE"]], "external": [[1, 0, "IMAGE"]]}}});
    ui
}

#[test]
fn a_group_node_that_does_not_fit_its_group_is_refused() {
    let user = |values: Value, inputs: Value, outputs: usize| {
        group(
            json!({"id": 1, "type": "workflow>Both", "widgets_values": values, "inputs": inputs, "outputs": vec![json!({"type": "IMAGE"}); outputs]}),
        )
    };
    let values = json!([64, 48, 1, 0, "lanczos", 32, 24, "center"]);
    let fits = user(values.clone(), json!([]), 1);
    assert_eq!(inputs(&fits, "2")["images"], json!(["1:1", 0]));
    assert_eq!(
        inputs(&fits, "1:1"),
        json!({"upscale_method": "lanczos", "width": 32, "height": 24, "crop": "center", "image": ["1:0", 0]})
    );
    let more = user(json!([64, 48, 1, 0, "lanczos", 32, 24, "center", 7]), json!([]), 1);
    assert!(reasons(&more).contains("it has 9 values, and the fields of its nodes take 8"));
    assert!(reasons(&user(values.clone(), json!([]), 2)).contains("it has 2 outputs, and its nodes give 1"));
    let linked = user(values, json!([slot("mask", "MASK", json!(1))]), 1);
    assert!(reasons(&linked).contains("its input \u{201c}mask\u{201d} belongs to none of its nodes"));
    // Fields without a value have the default of their class, which only a server knows.
    let fewer = convert(&user(json!([64, 48]), json!([]), 1).to_string(), None).expect("converted");
    assert!(fewer.notes[0].contains("batch_size of node 1:0 (EmptyImage)"), "{:?}", fewer.notes);
    let mut nested = fits;
    nested["extra"]["groupNodes"]["Both"]["nodes"][0]["type"] = json!("workflow/Both");
    assert!(reasons(&nested).contains("it has another group node in it"));
}

#[test]
fn nulls_and_names_do_not_move_the_values_behind_them() {
    let node = |class: &str, values: Value| {
        inputs(
            &workflow(json!([{"id": 1, "type": class, "inputs": [], "widgets_values": values}]), json!([])),
            "1",
        )
    };
    let all = json!({"seed": 1, "steps": 20, "cfg": 8, "sampler_name": "euler", "scheduler": "normal", "denoise": 1});
    for values in [
        json!([1, "fixed", 20, 8, "euler", "normal", 1]),
        json!([1, null, 20, 8, "euler", "normal", 1]),
        json!([1, 20, 8, "euler", "normal", 1]),
        all.clone(),
    ] {
        assert_eq!(node("KSampler", values.clone()), all, "{values}");
    }
    // One that was never set is left to the server, which says what it misses.
    let ui = json!([{"id": 1, "type": "KSampler", "inputs": [], "widgets_values": [1, "fixed", null, 8, "euler", "normal", 1]}]);
    let converted = convert(&workflow(ui, json!([])).to_string(), None).expect("converted");
    assert_eq!(converted.graph["1"]["inputs"].get("steps"), None);
    assert!(converted.notes[0].contains("steps of node 1"), "{:?}", converted.notes);
    let named = convert(
        &workflow(json!([{"id": 1, "type": "KSampler", "widgets_values": all}]), json!([])).to_string(),
        None,
    );
    assert_eq!(named.expect("converted").notes, Vec::<String>::new(), "the class is known");
}

#[test]
fn a_slot_with_a_link_that_does_not_exist_has_the_one_that_ends_there() {
    let lost = workflow(json!([image(1), save(2, json!(99))]), json!([[1, 1, 0, 2, 0, "IMAGE"]]));
    assert_eq!(inputs(&lost, "2")["images"], json!(["1", 0]));
    let nothing = workflow(json!([image(1), save(2, json!(99))]), json!([]));
    assert_eq!(inputs(&nothing, "2"), json!({"filename_prefix": "x"}));
}

#[test]
fn how_seeds_change_is_kept_apart_from_what_is_sent() {
    let sampler = |id: u32, control: Value| json!({"id": id, "type": "KSampler", "inputs": [], "widgets_values": [7, control, 20, 8, "euler", "normal", 1]});
    let seed = json!({"id": 3, "type": "PrimitiveNode", "outputs": [{"type": "INT"}], "widgets_values": [9, "increment"]});
    let mut linked = sampler(4, json!("fixed"));
    linked["inputs"] = json!([{"name": "seed", "type": "INT", "link": 1, "widget": {"name": "seed"}}]);
    let ui = workflow(
        json!([sampler(1, json!("fixed")), sampler(2, json!(true)), seed, linked]),
        json!([[1, 3, 0, 4, 0, "INT"]]),
    );
    let converted = convert(&ui.to_string(), None).expect("converted");
    let said: Vec<_> =
        converted.controls.iter().map(|(id, input, word)| (id.as_str(), input.as_str(), *word)).collect();
    assert_eq!(
        said,
        [
            ("1", "seed", "fixed"),
            ("2", "seed", "randomize"),
            ("4", "seed", "fixed"),
            ("4", "seed", "increment")
        ]
    );
    assert_eq!(
        (&converted.graph["4"]["inputs"]["seed"], &converted.graph["2"]["inputs"]["steps"]),
        (&json!(9), &json!(20))
    );
}

#[test]
fn values_keep_their_text_and_lists_are_wrapped() {
    let seed = json!({"id": 1, "type": "PrimitiveInt", "inputs": [], "outputs": [{"type": "INT"}], "widgets_values": ["SEED", "fixed"]});
    let named = json!({"id": 2, "type": "SomePack Node", "widgets_values": {"list": [1, 2], "videopreview": {"x": 1}}});
    let text =
        workflow(json!([seed, named]), json!([])).to_string().replace("\"SEED\"", "18446744073709551615");
    let graph = convert(&text, None).expect("converted").graph;
    assert_eq!(graph["1"]["inputs"]["value"].to_string(), "18446744073709551615");
    assert_eq!(graph["2"]["inputs"], json!({"list": {"__value__": [1, 2]}}));
}

#[test]
fn rows_of_loras_have_their_names() {
    let loras = json!({"id": 1, "type": "Power Lora Loader (rgthree)", "inputs": [], "outputs": [], "widgets_values": [
        {}, {"type": "PowerLoraLoaderHeaderWidget"}, {"on": true, "lora": "a", "strength": 1}, {"on": false, "lora": "b", "strength": 2}, {}, ""]});
    let inputs = inputs(&workflow(json!([loras]), json!([])), "1");
    let names: Vec<&String> = inputs.as_object().expect("inputs").keys().collect();
    assert_eq!(names, ["PowerLoraLoaderHeaderWidget", "lora_1", "lora_2", "➕ Add Lora"]);
}

#[test]
fn no_file_makes_it_go_on_for_ever() {
    // Reroutes in a circle, a subgraph in itself, and one that doubles at each level.
    let reroute = |id: u32, link: u32| json!({"id": id, "type": "Reroute", "inputs": [slot("", "*", json!(link))], "outputs": [{"type": "*"}]});
    let circle = workflow(
        json!([reroute(1, 2), reroute(2, 1), save(3, json!(3))]),
        json!([[1, 1, 0, 2, 0, "*"], [2, 2, 0, 1, 0, "*"], [3, 1, 0, 3, 0, "*"]]),
    );
    assert_eq!(inputs(&circle, "3"), json!({"filename_prefix": "x"}));
    let mut within = workflow(json!([{"id": 1, "type": "a"}]), json!([]));
    within["definitions"] =
        json!({"subgraphs": [{"id": "a", "name": "A", "nodes": [{"id": 1, "type": "a"}], "links": []}]});
    assert!(reasons(&within).contains("contains itself"));
    let double = |at: u32| {
        json!({"id": format!("s{at}"), "name": "", "links": [],
        "nodes": [{"id": 1, "type": format!("s{}", at + 1)}, {"id": 2, "type": format!("s{}", at + 1)}]})
    };
    let mut wide = workflow(json!([{"id": 1, "type": "s0"}]), json!([]));
    let mut levels: Vec<Value> = (0..30).map(double).collect();
    levels.push(json!({"id": "s30", "name": "", "links": [], "nodes": [image(1)]}));
    wide["definitions"] = json!({"subgraphs": levels});
    assert_eq!(convert(&wide.to_string(), None), Err(ConvertError::TooLarge));
    // A large group that is used often.
    let outputs = vec![json!({"type": "IMAGE"}); 500];
    let user = |id: u32| json!({"id": id, "type": "workflow>G", "inputs": [], "outputs": outputs, "widgets_values": vec![1; 2_000]});
    let mut many = workflow(json!((0..120).map(user).collect::<Vec<_>>()), json!([]));
    many["extra"] = json!({"groupNodes": {"G": {"nodes": vec![image(1); 500], "links": []}}});
    assert_eq!(convert(&many.to_string(), None), Err(ConvertError::TooLarge));
}

proptest::proptest! {
    #[test]
    fn whatever_is_in_a_file_there_is_an_answer(values in proptest::collection::vec(0_u8..6, 0..12), mode in 0..6, slot in 0..4, class in 0_usize..6) {
        let value = |kind: &u8| match kind {
            0 => json!(1), 1 => json!("randomize"), 2 => json!(null), 3 => json!([1]), 4 => json!({"on": true}), _ => json!(true),
        };
        let class = ["KSampler", "Reroute", "PrimitiveNode", "GetNode", "X", "LoadImage"][class];
        let values: Vec<Value> = values.iter().map(value).collect();
        let odd = json!({"id": 1, "type": class, "mode": mode, "widgets_values": values, "inputs": [{"name": "a", "link": 1}], "outputs": [{}]});
        let ui = workflow(json!([odd, save(2, json!(1))]), json!([[1, 1, slot, 2, slot, "*"], [1], null, {"id": 3}]));
        let _ = convert(&ui.to_string(), None);
    }
}
