use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::domain::draft::Layer;
use crate::domain::{ParamKey, SeedPolicy, Setting, Workflow, param};

const WORKFLOW: &str = r#"{
    "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "cfg": 6, "denoise": 1.0, "model": ["4", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
    "8": {"class_type": "Odd", "inputs": {"points": [[1, 2]], "on": true, "big": 5}},
    "52": {"class_type": "LoadImage", "inputs": {"image": "in.png"}}
}"#;

fn key(text: &str) -> ParamKey {
    ParamKey::parse(text).expect(text)
}

fn settled(texts: &[&str]) -> (Layer, Vec<String>) {
    let params = param::parameters(&Workflow::parse(WORKFLOW).expect("a workflow"));
    let read: Vec<_> = texts.iter().map(|text| Preset::parse(text, "p.toml")).collect();
    let mut messages: Vec<String> =
        read.iter().flat_map(|(_, found)| found).map(ToString::to_string).collect();
    let chain: Vec<_> = read.into_iter().map(|(preset, _)| preset).collect();
    let (layer, found) = settle(&chain, &params, |_, path| PathBuf::from("/base").join(path));
    messages.extend(found.iter().map(ToString::to_string));
    (layer, messages)
}

fn sent(layer: &Layer, name: &str) -> Option<String> {
    match layer.settings.get(&key(name)) {
        Some(Setting::Value(value)) => Some(value.to_string()),
        Some(Setting::File(path)) => Some(format!("file {}", path.display())),
        None => None,
    }
}

#[test]
fn values_arrive_with_their_own_digits() {
    let table = [
        ("\"3-inputs-seed\" = 268261030599666", "3-inputs-seed", "268261030599666"),
        ("3-inputs-seed = \"18446744073709551615\"", "3-inputs-seed", "18446744073709551615"),
        ("3-inputs-seed = 18_446", "3-inputs-seed", "18446"),
        ("3-inputs-seed = 0xff", "3-inputs-seed", "255"),
        ("3-inputs-cfg = 6", "3-inputs-cfg", "6"),
        ("3-inputs-cfg = 6.0", "3-inputs-cfg", "6.0"),
        ("3-inputs-cfg = 1e-3", "3-inputs-cfg", "1e-3"),
        ("6-inputs-text = \"\"\"\na\nb\"\"\"", "6-inputs-text", "\"a\\nb\""),
        ("8-inputs-points = [[1.50, 2], {a = \"b\"}]", "8-inputs-points", "[[1.50,2],{\"a\":\"b\"}]"),
        ("8-inputs-points = \"[null]\"", "8-inputs-points", "[null]"),
        ("8-inputs-on = false", "8-inputs-on", "false"),
    ];
    for (line, name, value) in table {
        let (layer, messages) = settled(&[&format!("[params]\n{line}")]);
        assert_eq!(
            (sent(&layer, name).as_deref(), messages.as_slice()),
            (Some(value), [].as_slice()),
            "{line}"
        );
    }
}

#[test]
fn a_field_of_a_lora_leaves_its_others_as_they_are() {
    let workflow = r#"{"10": {"class_type": "Loras", "inputs": {"lora_1": {"on": true, "lora": "a", "strength": 1, "x": [2]}}}}"#;
    let params = param::parameters(&Workflow::parse(workflow).expect("a workflow"));
    for (text, expected) in [
        ("10-inputs-lora_1.strength = 0.50", r#"{"on":true,"lora":"a","strength":0.50,"x":[2]}"#),
        ("10-inputs-lora_1 = {on = false}", r#"{"on":false,"lora":"a","strength":1,"x":[2]}"#),
        ("10-inputs-lora_1 = \"off b 0.3\"", r#"{"on":false,"lora":"b","strength":0.3,"x":[2]}"#),
    ] {
        let (preset, found) = Preset::parse(&format!("[params]\n{text}"), "p.toml");
        let (layer, messages) = settle(&[preset], &params, |_, path| PathBuf::from(path));
        assert_eq!((found.len(), messages.len()), (0, 0), "{text}");
        assert_eq!(sent(&layer, "10-inputs-lora_1").as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn problems_come_with_line_key_and_suggestion_and_the_rest_loads() {
    let text = r#"
titel = "x"
extends = 3
[params]
6-inputs-txet = "gone"
3-inputs-steps = "many"
3-inputs-model = "x"
3-inputs-seed = 18446744073709551615
3-inputs-cfg = 7.5
prompt = "x"
8-inputs-big = 2026-01-01
[files]
52-inputs-image = "in.png"
3-inputs-steps = "x.png"
[aliases]
prompt = "6-inputs-text"
old = "66-inputs-text"
[seeds]
3-inputs-seed = "randomise"
3-inputs-steps = "fixed"
"#;
    let (layer, messages) = settled(&[text]);
    assert_eq!(
        messages,
        [
            "p.toml:2: `titel` is not a known field. Did you mean `title`?",
            "p.toml:3: `extends` should be a string in quotes, not a whole number",
            "p.toml:8: `3-inputs-seed`: TOML has no number as large as 18446744073709551615. It was read anyway; other programs want it in quotes: \"18446744073709551615\"",
            "p.toml:11: `8-inputs-big` is a date, which no parameter takes. Put it in quotes",
            "p.toml:5: `6-inputs-txet` in [params] is not a parameter of the workflow. Did you mean `6-inputs-text`?",
            "p.toml:6: `3-inputs-steps` should be a whole number, not a text",
            "p.toml:7: `3-inputs-model` should be left alone: it is wired to another node, not a text",
            "p.toml:10: `prompt` is an alias; in [params] write its key, `6-inputs-text`",
            "p.toml:14: `3-inputs-steps` takes no file. Put its value in [params]",
            "p.toml:17: `66-inputs-text` in [aliases] is not a parameter of the workflow. Did you mean `6-inputs-text`?",
            "p.toml:19: `3-inputs-seed`: `randomise` is not one of fixed, randomize, increment, decrement. Did you mean `randomize`?",
            "p.toml:20: `3-inputs-steps` is not a seed",
        ]
    );
    assert_eq!(sent(&layer, "3-inputs-seed").as_deref(), Some("18446744073709551615"));
    assert_eq!(sent(&layer, "3-inputs-cfg").as_deref(), Some("7.5"));
    assert_eq!(sent(&layer, "52-inputs-image").as_deref(), Some("file /base/in.png"));
    assert_eq!(layer.aliases.get("prompt"), Some(&key("6-inputs-text")));
    assert_eq!((layer.settings.len(), layer.aliases.len(), layer.seeds.len()), (3, 1, 0));
}

#[test]
fn a_number_out_of_range_is_reported_and_used() {
    let table = [
        ("3-inputs-cfg = 101", Some("101 is more than the largest value, 100.0")),
        ("3-inputs-cfg = -0.5", Some("-0.5 is less than the smallest value, 0.0")),
        ("3-inputs-steps = 1e+400", None),
        ("3-inputs-cfg = 1e+400", Some("1e+400 is more than the largest value, 100.0")),
        (
            "3-inputs-seed = \"18446744073709551616\"",
            Some("18446744073709551616 is more than the largest value, 18446744073709551615"),
        ),
        ("3-inputs-seed = -1", Some("-1 is less than the smallest value, 0")),
        ("3-inputs-cfg = 100.00", None),
        ("8-inputs-big = 99999", None),
    ];
    for (line, why) in table {
        let (layer, messages) = settled(&[&format!("[params]\n{line}")]);
        let (key, value) = line.split_once(" = ").expect(line);
        let Some(why) = why else {
            assert!(!messages.iter().any(|message| message.contains("est value")), "{messages:?}");
            continue;
        };
        let why = format!("p.toml:2: `{key}`: {why}. It is used anyway");
        assert!(messages.contains(&why), "{messages:?}");
        assert_eq!(sent(&layer, key).as_deref(), Some(value.trim_matches('"')));
    }
}

#[test]
fn broken_toml_is_reported_and_the_rest_loads() {
    let (layer, messages) =
        settled(&["[params]\n3-inputs-cfg = 7.5\n3-inputs-steps = = 3\n8-inputs-on = false\n"]);
    assert!(messages.iter().any(|line| line.starts_with("p.toml:3: this is not TOML")), "{messages:?}");
    assert_eq!(sent(&layer, "3-inputs-cfg").as_deref(), Some("7.5"));
    assert_eq!(sent(&layer, "8-inputs-on").as_deref(), Some("false"));
}

#[test]
fn a_preset_lies_over_the_one_it_extends() {
    let base = "[params]\n3-inputs-steps = 30\n3-inputs-cfg = 5.0\n[files]\n52-inputs-image = \"a.png\"\n[seeds]\n3-inputs-seed = \"randomize\"\n[aliases]\np = \"6-inputs-text\"";
    let top =
        "[params]\n3-inputs-cfg = 6.5\n52-inputs-image = \"server.png\"\n[seeds]\n3-inputs-seed = \"fixed\"";
    let (layer, messages) = settled(&[base, top]);
    assert_eq!(messages, Vec::<String>::new());
    let all = ["3-inputs-steps", "3-inputs-cfg", "52-inputs-image"].map(|name| sent(&layer, name));
    assert_eq!(all.map(Option::unwrap_or_default), ["30", "6.5", "\"server.png\""]);
    assert_eq!(layer.seeds.get(&key("3-inputs-seed")), Some(&SeedPolicy::Fixed));
    assert!(layer.aliases.contains_key("p"));
}

/// The text that a person would have written in an editor.
#[test]
fn saving_changes_only_what_changed() {
    let before = r#"# My preset
workflow = "w.json"   # beside this file
unknown = "kept"

[params]
# the words
"6-inputs-text"   =   'a cat'  # short
3-inputs-cfg = 6.00
3-inputs-seed = 18446744073709551615 # bare
9-inputs-gone = [ 1, 2 ]

[files]
52-inputs-image = "in.png"

[seeds]
3-inputs-seed = "randomize"
"#;
    let changes = Changes {
        fields: [("title", Some("T".to_owned()))].into_iter().collect(),
        params: [
            (key("6-inputs-text"), Value::from("a \"dog\"\\\nand \"\"\"two\"\"\" more\"")),
            (key("3-inputs-cfg"), "6.00".parse::<Number>().map(Value::Number).expect("a number")),
            (key("3-inputs-steps"), Value::from(5)),
            (key("8-inputs-big"), Value::from(u64::MAX)),
            (key("52-inputs-image"), Value::from("server.png")),
        ]
        .into_iter()
        .collect(),
        files: IndexMap::new(),
        seeds: [(key("3-inputs-seed"), SeedPolicy::Increment)].into_iter().collect(),
        ..Changes::default()
    };
    let after = edit(before, &changes).expect("edited");
    let expected = r#"# My preset
workflow = "w.json"   # beside this file
unknown = "kept"
title = "T"

[params]
# the words
"6-inputs-text"   =   """
a "dog"\\
and ""\"two""\" more\""""  # short
3-inputs-cfg = 6.00
3-inputs-seed = 18446744073709551615 # bare
9-inputs-gone = [ 1, 2 ]
3-inputs-steps = 5
8-inputs-big = "18446744073709551615"
52-inputs-image = "server.png"

[files]

[seeds]
3-inputs-seed = "increment"
"#;
    assert_eq!(after, expected);
    let (layer, _) = settled(&[&after]);
    assert_eq!(sent(&layer, "8-inputs-big").as_deref(), Some("18446744073709551615"));
    assert_eq!(sent(&layer, "6-inputs-text"), Some(changes.params[&key("6-inputs-text")].to_string()));
}

#[test]
fn sections_in_any_style_can_be_saved_into() {
    let changes = Changes {
        params: [(key("3-inputs-steps"), Value::from(5))].into_iter().collect(),
        ..Changes::default()
    };
    let table = [
        ("", "[params]\n3-inputs-steps = 5\n"),
        ("title = \"x\"\n", "title = \"x\"\n\n[params]\n3-inputs-steps = 5\n"),
        ("params = { 3-inputs-steps = 4 } # c\n", "params = { 3-inputs-steps = 5 } # c\n"),
        ("params.3-inputs-steps = 4\n", "params.3-inputs-steps = 5\n"),
    ];
    for (before, after) in table {
        assert_eq!(edit(before, &changes).as_deref(), Ok(after));
    }
    assert_eq!(edit("params = 3", &changes), Err(EditError::NoTable("params")));
    assert!(matches!(edit("a = \n", &changes), Err(EditError::Broken { line: Some(1), .. })));
}

#[test]
fn every_other_byte_stays() {
    let steps = |value: Value| Changes {
        params: [(key("3-inputs-steps"), value)].into_iter().collect(),
        ..Changes::default()
    };
    let table = [
        // Other line ends, a byte order mark, no final line end.
        (
            "\u{feff}title = \"x\"\r\n\r\n[params]\r\nb = 1 # c\r\n  a   =  2\r\n\r\n[seeds]",
            "\u{feff}title = \"x\"\r\n\r\n[params]\r\nb = 1 # c\r\n  a   =  2\r\n3-inputs-steps = 5\r\n\r\n[seeds]",
        ),
        ("\u{feff}[params]\r\n3-inputs-steps = 4", "\u{feff}[params]\r\n3-inputs-steps = 5"),
        ("[params]\na = 1", "[params]\na = 1\n3-inputs-steps = 5"),
        ("title = \"x\"", "title = \"x\"\n\n[params]\n3-inputs-steps = 5"),
        ("[params]\n# nothing yet\n", "[params]\n3-inputs-steps = 5\n# nothing yet\n"),
        // Dotted keys in any order, with others in between.
        (
            "params.b = 1\ntitle = \"x\"\nparams.'3-inputs-steps'=4#c\nparams.a.b = 2\n\n[seeds]\n",
            "params.b = 1\ntitle = \"x\"\nparams.'3-inputs-steps'=5#c\nparams.a.b = 2\n\n[seeds]\n",
        ),
        (
            "params.b = 1\nparams.a = [\n 1,\n]\ntitle = \"x\"\n",
            "params.b = 1\nparams.a = [\n 1,\n]\nparams.3-inputs-steps = 5\ntitle = \"x\"\n",
        ),
        ("params = {b = 1}# c\n", "params = {b = 1, 3-inputs-steps = 5}# c\n"),
        ("params = {}\n", "params = { 3-inputs-steps = 5 }\n"),
        (
            "[params]\na.x = 1\n[params.c]\nx = 2\n",
            "[params]\na.x = 1\n3-inputs-steps = 5\n[params.c]\nx = 2\n",
        ),
        ("[params.c]\nx = 2\n", "[params.c]\nx = 2\n\n[params]\n3-inputs-steps = 5\n"),
        // A table or a list of tables instead of a value.
        (
            "[params]\na = 1\n[params.3-inputs-steps] # t\nx = 2\n[seeds]\n",
            "[params]\na = 1\n3-inputs-steps = 5\n[seeds]\n",
        ),
        ("[[params.3-inputs-steps]]\nx = 2\n[[params.3-inputs-steps]]\n", "[params]\n3-inputs-steps = 5\n"),
    ];
    for (before, after) in table {
        let edited = edit(before, &steps(Value::from(5)));
        assert_eq!(edited.as_deref(), Ok(after), "{before:?}");
        assert_eq!(edit(after, &steps(Value::from(5))).as_deref(), Ok(after), "nothing to change");
    }
    let gone = [
        (
            "[params]\r\na = 1\r\n3-inputs-steps = \"\"\"\r\nx\"\"\" # c\r\nb = 2",
            "[params]\r\na = 1\r\nb = 2",
        ),
        ("params = { a = 1, 3-inputs-steps = 4, b = 2 }", "params = { a = 1, b = 2 }"),
        ("params = { a = 1, 3-inputs-steps = 4 }", "params = { a = 1 }"),
        ("params.a = 1\nparams.3-inputs-steps = 4\ntitle = \"x\"\n", "params.a = 1\ntitle = \"x\"\n"),
    ];
    for (before, after) in gone {
        assert_eq!(edit(before, &steps(Value::Null)).as_deref(), Ok(after), "{before:?}");
    }
    let titled =
        Changes { fields: [("title", Some("T".to_owned()))].into_iter().collect(), ..Changes::default() };
    for (before, after) in [
        ("#:schema x.json\n\n# words\n[params]\n", "#:schema x.json\ntitle = \"T\"\n\n# words\n[params]\n"),
        ("# words\n[params]\n", "title = \"T\"\n# words\n[params]\n"),
        ("\u{feff}[params]\r\n", "\u{feff}title = \"T\"\r\n[params]\r\n"),
        ("title='x'#c", "title=\"T\"#c"),
        ("", "title = \"T\"\n"),
    ] {
        assert_eq!(edit(before, &titled).as_deref(), Ok(after), "{before:?}");
    }
}

#[test]
fn texts_of_several_lines_are_read_back_whatever_they_hold() {
    let table =
        ["\n\"\"\"", "\n\"", "\"\"\"\"\"\"\n", "\n\"\"", "\n\\\"", "\n\"\"\\", "\n\"\"\"x\"\"\"\"", "\r\n\\"];
    for text in table {
        for value in [Value::from(text), Value::from(vec![text])] {
            let changes = Changes {
                params: [(key("1-inputs-a"), value.clone())].into_iter().collect(),
                ..Changes::default()
            };
            let saved = edit("", &changes).expect("edited");
            let (read, found) = Preset::parse(&saved, "");
            assert_eq!(
                (read.params.get("1-inputs-a").map(|read| &read.value), found),
                (Some(&value), vec![]),
                "{saved}"
            );
        }
    }
}

#[test]
fn numbers_beyond_toml_load_to_the_digit_and_hold_up_no_save() {
    const LONG: &str = "18446744073709551615";
    let table = [
        ("8-inputs-points = [1, [18446744073709551615]] # c", "[1,[18446744073709551615]]"),
        ("8-inputs-points = [-18_446_744_073_709_551_615, \"@0@\"]", "[-18446744073709551615,\"@0@\"]"),
        ("8-inputs-points = { a = 18446744073709551615 }", r#"{"a":18446744073709551615}"#),
        ("[params.8-inputs-points]\na = 0xffffffffffffffff", r#"{"a":18446744073709551615}"#),
        ("[[params.8-inputs-points]]\na = [+18446744073709551615]", r#"[{"a":[18446744073709551615]}]"#),
        ("8-inputs-points = [1e+400]", "[1e+400]"),
    ];
    let changes = Changes {
        params: [(key("3-inputs-steps"), Value::from(5)), (key("6-inputs-text"), Value::from("@0@"))]
            .into_iter()
            .collect(),
        ..Changes::default()
    };
    for (line, value) in table {
        let before = format!("[params]\n{line}\n\n[unknown]\nx = [{LONG}]\n");
        let (layer, messages) = settled(&[&before]);
        assert_eq!(sent(&layer, "8-inputs-points").as_deref(), Some(value), "{line}");
        let is_reported = messages.iter().any(|message| {
            message.starts_with("p.toml:") && message.contains("TOML has no number as large as")
        });
        assert!(is_reported, "{messages:?}");
        let after = edit(&before, &changes).expect(line);
        assert!(after.contains(line) && after.ends_with(&format!("x = [{LONG}]\n")), "{after}");
        let (again, _) = settled(&[&after]);
        assert_eq!(sent(&again, "8-inputs-points").as_deref(), Some(value), "{after}");
        assert_eq!(sent(&again, "6-inputs-text").as_deref(), Some("\"@0@\""), "{after}");
    }
}

#[test]
fn a_value_that_toml_cannot_hold_is_saved_as_json_in_quotes() {
    for text in [
        "[18446744073709551615,\"a\"]",
        r#"{"a":[null]}"#,
        "[1e+400]",
        r#"{"a":{"b":-18446744073709551615}}"#,
    ] {
        let value: Value = serde_json::from_str(text).expect(text);
        let changes =
            Changes { params: [(key("8-inputs-points"), value)].into_iter().collect(), ..Changes::default() };
        let saved = edit("", &changes).expect("edited");
        let (layer, messages) = settled(&[&saved]);
        assert_eq!((sent(&layer, "8-inputs-points").as_deref(), messages), (Some(text), vec![]), "{saved}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        "(.|\n|\"|\\\\|\r|\t){0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from))
}

/// The value as read back: numbers too large for TOML come as strings, as does their JSON.
fn as_read(value: &Value) -> Value {
    let is_long = |n: &Number| n.is_u64() && !n.is_i64();
    fn holds(value: &Value, wanted: &impl Fn(&Number) -> bool) -> bool {
        match value {
            Value::Number(n) => wanted(n),
            Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
            _ => false,
        }
    }
    if holds(value, &is_long) { Value::from(value.to_string()) } else { value.clone() }
}

proptest! {
    #[test]
    fn what_is_saved_is_read_back(value in any_json(), twice in any_json()) {
        let mut text = "# first\n[params]\n1-inputs-a = 1 # a\n".to_owned();
        for value in [value, twice] {
            let changes = Changes { params: [(key("1-inputs-a"), value.clone())].into_iter().collect(), ..Changes::default() };
            text = edit(&text, &changes).expect("edited");
            let (read, found) = Preset::parse(&text, "");
            prop_assert_eq!(&found, &Vec::new());
            prop_assert_eq!(&read.params["1-inputs-a"].value, &as_read(&value), "{}", text);
            prop_assert!(text.starts_with("# first\n[params]\n1-inputs-a = ") && text.ends_with(" # a\n"), "{}", text);
        }
    }
}

#[test]
fn aliases_and_pins_are_written_moved_and_taken_away() {
    let before = "pins = [\"6-inputs-text\"] # top\n\n[aliases]\nwords = \"6-inputs-text\"\nsteps = \"3-inputs-steps\"\n";
    let changes = Changes {
        aliases: [
            (key("6-inputs-text"), "prompt".to_owned()),
            (key("3-inputs-steps"), String::new()),
            (key("3-inputs-cfg"), "how strictly".to_owned()),
        ]
        .into(),
        pins: Some(vec![key("3-inputs-cfg"), key("6-inputs-text")]),
        ..Changes::default()
    };
    let after = edit(before, &changes).expect("edited");
    let expected = "pins = [\"3-inputs-cfg\", \"6-inputs-text\"] # top\n\n[aliases]\nprompt = \"6-inputs-text\"\n\"how strictly\" = \"3-inputs-cfg\"\n";
    assert_eq!(after, expected);
    let (layer, told) = settled(&[&after]);
    assert_eq!((layer.pinned(), told), (vec![key("3-inputs-cfg"), key("6-inputs-text")], Vec::new()));
    assert_eq!(layer.alias(&key("6-inputs-text")), Some("prompt"));
    assert_eq!(edit(&after, &changes).expect("edited"), after, "the same again changes nothing");
    // Of several presets the one on top decides; by alias, too. What is unknown is said.
    let (layer, told) =
        settled(&[&after, "pins = [\"prompt\", \"9-inputs-none\", 7]\n[aliases]\np = \"6-inputs-text\""]);
    assert_eq!((layer.pinned(), layer.alias(&key("6-inputs-text"))), (vec![key("6-inputs-text")], Some("p")));
    assert_eq!(told.len(), 2, "{told:?}");
    let (layer, _) = settled(&["[aliases]\nprompt = \"6-inputs-text\""]);
    assert_eq!((layer.pins.clone(), layer.pinned()), (None, vec![key("6-inputs-text")]));
}

#[test]
fn whether_a_text_is_expanded_is_saved_also_where_one_line_says_it_of_all() {
    let key = |key: &str| ParamKey::parse(key).unwrap();
    let changes = |texts: &[(&str, bool)]| Changes {
        expand: texts.iter().map(|(name, expands)| (key(name), *expands)).collect(),
        ..Changes::default()
    };
    for (before, texts, after) in [
        (
            "title = \"a\"\n",
            &[("6-inputs-text", false)][..],
            "title = \"a\"\n\n[expand]\n6-inputs-text = false\n",
        ),
        (
            "expand = false\ntitle = \"a\"\n",
            &[("6-inputs-text", true)],
            "title = \"a\"\n\n[expand]\n\"*\" = false\n6-inputs-text = true\n",
        ),
        (
            "[expand]\n6-inputs-text = false # its node\n",
            &[("6-inputs-text", true)],
            "[expand]\n6-inputs-text = true # its node\n",
        ),
        (
            "[expand]\n6-inputs-text = false\n",
            &[("6-inputs-text", false)],
            "[expand]\n6-inputs-text = false\n",
        ),
        ("expand = true\n", &[], "expand = true\n"),
    ] {
        assert_eq!(edit(before, &changes(texts)).unwrap(), after, "{before}");
    }
    let (read, found) = Preset::parse("[expand]\n\"*\" = false\n6-inputs-text = true\n", "");
    assert_eq!((read.expand, read.expand_keys.len(), found.len()), (Some(false), 1, 0));
}
