use super::*;
use crate::domain::param::parameters;

const WORKFLOW: &str = r#"{
    "3": {"class_type": "KSampler", "_meta": {"title": "Sampler"}, "inputs": {"seed": 7, "steps": 20, "cfg": 6, "sampler_name": "euler", "model": ["4", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
    "52": {"class_type": "LoadImage", "inputs": {"image": "in.png"}}
}"#;

fn params() -> Vec<Parameter> {
    parameters(&Workflow::parse(WORKFLOW).expect("a workflow"))
}

fn view(inputs: &str, advanced: &str) -> String {
    format!(
        r#"{{"file_type":"view_comfy","version":"1","workflows":[{{"viewComfyJSON":{{"title":"T","description":"D",
"inputs":{inputs},
"advancedInputs":{advanced}}},"workflowApiJSON":{WORKFLOW}}}]}}"#
    )
}

fn shaped(text: &str) -> (Vec<Parameter>, IndexMap<ParamKey, SeedPolicy>, Vec<String>) {
    let forms = parse(text).expect("a form");
    let Shaped { params, seeds, found, .. } = shape(&forms[0], params(), text, "v.json");
    (params, seeds, found.iter().map(ToString::to_string).collect())
}

#[test]
fn the_form_shapes_what_it_names_and_hides_the_rest() {
    let text = view(
        r#"[{"title":"Words","inputs":[
{"title":"Prompt","key":"6-inputs-text","valueType":"long-text","helpText":"What to draw","validations":{"required":true}},
{"title":"Pic\u001b[2J","workflowPath":["52","inputs","image"],"valueType":"image-mask"}]}]"#,
        r#"[{"title":"More","inputs":[
{"title":"Sampler","key":"3-inputs-sampler_name","valueType":"select","options":[{"label":"Fast","value":"euler"},"heun"]},
{"title":"Seed","key":"3-inputs-seed","valueType":"seed","value":5e-324},
{"title":"Steps","key":"3-inputs-steps","valueType":"slider","slider":{"min":5,"max":"40","step":5},"visibility":"hidden"}]}]"#,
    );
    let (params, seeds, messages) = shaped(&text);
    assert_eq!(messages, Vec::<String>::new());
    let rows: Vec<_> = params
        .iter()
        .map(|p| (p.key.as_str(), p.group.as_str(), p.label.as_str(), p.advanced, p.hidden))
        .collect();
    assert_eq!(
        rows,
        [
            ("6-inputs-text", "Words", "Prompt", false, false),
            ("52-inputs-image", "Words", "Pic [2J", false, false),
            ("52-inputs-image-viewcomfymask", "Words", "Pic [2J mask", false, false),
            ("3-inputs-sampler_name", "More", "Sampler", true, false),
            ("3-inputs-seed", "More", "Seed", true, false),
            ("3-inputs-steps", "More", "Steps", true, true),
            ("3-inputs-cfg", "Sampler", "cfg", false, true),
            ("3-inputs-model", "Sampler", "model", false, true),
        ]
    );
    assert_eq!((params[0].help.as_str(), params[0].required), ("What to draw", true));
    let labels: Vec<_> = params[3].choices.iter().map(|choice| choice.label.as_str()).collect();
    assert_eq!(labels, ["Fast", "heun"]);
    let range = &params[5].range;
    assert_eq!((&range.min, &range.max, &range.step), (&Some(5.into()), &Some(40.into()), &Some(5.into())));
    assert_eq!(seeds.into_iter().collect::<Vec<_>>(), [(params[4].key.clone(), SeedPolicy::Randomize)]);
}

#[test]
fn fields_that_do_not_fit_are_reported_and_the_value_decides() {
    let text = view(
        r#"[{"title":"A","inputs":[
{"key":"6-inputs-txet","valueType":"string"},
{"key":"3-inputs-cfg","valueType":"colour"},
{"key":"3-inputs-steps","valueType":"boolean"},
{"key":"3-inputs-model","valueType":"string"}, {}, 3]}, 4]"#,
        "null",
    );
    let (params, _, messages) = shaped(&text);
    assert_eq!(
        messages,
        [
            "v.json:3: the form's field `6-inputs-txet` is not a parameter of the workflow. Did you mean `6-inputs-text`?",
            "v.json:4: `3-inputs-cfg`: the form's type `colour` is unknown; the type is taken from its value",
            "v.json:5: `3-inputs-steps`: the workflow's value is not of the form's type `boolean`",
        ]
    );
    let kinds: Vec<_> = params.iter().take(2).map(|p| &p.kind).collect();
    assert_eq!(kinds, [&ParamKind::Float, &ParamKind::Integer]);
    assert_eq!(params.len(), super::tests::params().len());
}

#[test]
fn a_form_gives_values_where_they_are_others_than_the_workflows() {
    let text = view(
        r#"[{"title":"A","inputs":[
{"key":"6-inputs-text","value":"a dog","valueType":"long-text"},
{"key":"3-inputs-steps","value":"30","valueType":"number"},
{"key":"3-inputs-cfg","value":6.0,"valueType":"float"},
{"key":"3-inputs-sampler_name","value":"","valueType":"select"},
{"key":"3-inputs-seed","value":"many","valueType":"seed"},
{"key":"52-inputs-image","value":"other.png","valueType":"image"}]}]"#,
        "[]",
    );
    let forms = parse(&text).expect("a form");
    let values = shape(&forms[0], params(), &text, "v.json").values;
    let given: Vec<_> = values.iter().map(|(key, value)| format!("{key} {value}")).collect();
    assert_eq!(given, ["6-inputs-text \"a dog\"", "3-inputs-steps 30"]);
}

#[test]
fn labels_do_not_repeat_the_title_above_them() {
    for (label, group, own) in [
        ("KSampler - seed", "KSampler", "seed"),
        ("KSampler: seed", "KSampler", "seed"),
        ("KSampler", "KSampler", ""),
        ("KSamplers", "KSampler", "KSamplers"),
        ("seed", "KSampler", "seed"),
        ("seed", "", "seed"),
    ] {
        assert_eq!(own_label(label, group), own, "{label} in {group}");
    }
}

#[test]
fn a_form_is_recognised_by_its_fields() {
    let text =
        view(r#"[{"inputs":[{"key":"6-inputs-text"}]}]"#, "[]").replace("\"file_type\":\"view_comfy\",", "");
    assert!(!text.contains("file_type") && is_form(&text));
    assert!(!is_form(r#"{"workflows": []}"#) && !is_form(WORKFLOW));
}

#[test]
fn the_form_that_fits_is_chosen() {
    let text = view(r#"[{"inputs":[{"key":"6-inputs-text"}]}]"#, "[]");
    let mut forms = parse(&text).expect("a form");
    assert!(is_form(&text) && forms[0].workflow.is_some());
    let other = Form { title: "other".to_owned(), fields: Vec::new(), ..forms[0].clone() };
    forms.insert(0, other.clone());
    assert_eq!(fitting(&forms, &params()).map(|form| form.title.as_str()), Some("T"));
    assert_eq!(fitting(&[other], &params()), None);
    assert!(parse("{").is_err() && parse("{}").is_err() && parse(r#"{"workflows":[1]}"#).is_err());
}

#[test]
fn titles_mark_what_is_shown_first() {
    let by_title = |sampler: &str| {
        let text = WORKFLOW.replace("\"Sampler\"", &format!("\"{sampler}\""));
        let mut params = parameters(&Workflow::parse(&text).expect("a workflow"));
        shape_by_titles(&mut params);
        let of = |key: &str| {
            let p = params.iter().find(|p| p.key.as_str() == key).expect(key);
            (p.group.clone(), p.advanced)
        };
        (of("3-inputs-cfg"), of("6-inputs-text"))
    };
    let text = ("CLIPTextEncode".to_owned(), false);
    assert_eq!(by_title("VC_ADV - Fine"), (("Fine".to_owned(), true), text.clone()));
    assert_eq!(by_title("VC_BASIC"), (("KSampler".to_owned(), false), text.clone()));
    assert_eq!(by_title("Plain"), (("Plain".to_owned(), false), text));
}
