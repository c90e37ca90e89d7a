use super::*;
use crate::domain::param;

fn params(text: &str) -> Vec<Parameter> {
    param::parameters(&Workflow::parse(text).expect(text))
}

/// Workflows, and their main seed.
const DECIDING: [(&str, Option<&str>); 9] = [
    // The second sampler of a pair, written first, adds no noise.
    (
        r#"{"58": {"class_type": "KSamplerAdvanced", "inputs": {"add_noise": "disable", "noise_seed": 0, "latent_image": ["57", 0]}},
            "57": {"class_type": "KSamplerAdvanced", "inputs": {"add_noise": "enable", "noise_seed": 7, "latent_image": ["5", 0]}}}"#,
        Some("57-inputs-noise_seed"),
    ),
    (
        r#"{"2": {"class_type": "OllamaGenerate", "inputs": {"prompt": "a cat", "seed": 5}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["2", 0], "clip": ["4", 1]}},
            "9": {"class_type": "WanVideoSampler", "inputs": {"seed": 8, "text_embeds": ["6", 0]}}}"#,
        Some("9-inputs-seed"),
    ),
    (
        r#"{"1": {"class_type": "SamplerCustom", "inputs": {"add_noise": false, "noise_seed": 1, "positive": ["6", 0]}}}"#,
        None,
    ),
    // A second pass written before the first one.
    (
        r#"{"2": {"class_type": "KSampler", "inputs": {"seed": 1, "denoise": 0.4, "latent_image": ["3", 0]}},
            "3": {"class_type": "KSampler", "inputs": {"seed": 2, "denoise": 1, "latent_image": ["5", 0]}}}"#,
        Some("3-inputs-seed"),
    ),
    (
        r#"{"25": {"class_type": "RandomNoise", "inputs": {"noise_seed": 3}},
            "4": {"class_type": "Wildcards", "inputs": {"text": "x", "seed": 4}},
            "13": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["25", 0], "latent_image": ["5", 0]}}}"#,
        Some("25-inputs-noise_seed"),
    ),
    (
        r#"{"1": {"class_type": "PrimitiveInt", "inputs": {"value": 9}},
            "3": {"class_type": "KSampler", "inputs": {"seed": ["1", 0], "steps": 20, "latent_image": ["5", 0]}}}"#,
        Some("1-inputs-value"),
    ),
    (
        r#"{"1": {"class_type": "Seed (rgthree)", "inputs": {"seed": -1}},
            "2": {"class_type": "Reroute", "inputs": {"": ["1", 0]}},
            "3": {"class_type": "KSampler", "inputs": {"seed": ["2", 0], "latent_image": ["5", 0]}}}"#,
        Some("1-inputs-seed"),
    ),
    (
        r#"{"1": {"class_type": "OllamaGenerate", "inputs": {"prompt": "a cat", "seed": 5}}}"#,
        Some("1-inputs-seed"),
    ),
    (r#"{"3": {"class_type": "KSampler", "inputs": {"seed": ["3", 0], "latent_image": ["5", 0]}}}"#, None),
];

#[test]
fn the_seed_that_decides_the_picture_is_found_by_the_wiring() {
    for (text, expected) in DECIDING {
        let params = params(text);
        let deciding = params.iter().find(|param| param.decides);
        assert_eq!(deciding.map(|seed| seed.key.as_str()), expected, "{text}");
    }
}

#[test]
fn a_plain_number_is_a_seed_when_it_feeds_nothing_else() {
    let wired = |inputs: &str| {
        let text = format!(
            r#"{{"1": {{"class_type": "PrimitiveInt", "inputs": {{"value": 9}}}}, "2": {{"class_type": "Reroute", "inputs": {{"any": ["1", 0]}}}},
                "3": {{"class_type": "KSampler", "inputs": {{{inputs}}}}}}}"#
        );
        let value = params(&text).into_iter().find(|p| p.key.as_str() == "1-inputs-value").expect("there");
        (value.kind == ParamKind::Seed, value.range.min.map(|min| min.to_string()))
    };
    assert_eq!(
        wired(r#""seed": ["1", 0]"#),
        (true, Some("0".to_owned())),
        "the range of what it is wired to"
    );
    assert!(wired(r#""seed": ["2", 0]"#).0);
    assert!(!wired(r#""seed": ["1", 0], "steps": ["1", 0]"#).0);
    assert!(!wired(r#""steps": ["1", 0]"#).0);
}

#[test]
fn the_editors_control_of_a_seed_is_its_policy() {
    let text = r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 7, "control_after_generate": "increment", "steps": 20}},
        "1": {"class_type": "PrimitiveInt", "inputs": {"value": 9, "control_after_generate": "randomize"}},
        "2": {"class_type": "A", "inputs": {"control_after_generate": "fixed", "seed": 1}}}"#;
    let workflow = Workflow::parse(text).expect("a workflow");
    let found: Vec<_> =
        policies(&workflow).into_iter().map(|(key, policy)| (key.to_string(), policy)).collect();
    let expected = [("3-inputs-seed", SeedPolicy::Increment), ("1-inputs-value", SeedPolicy::Randomize)];
    assert_eq!(found, expected.map(|(key, policy)| (key.to_owned(), policy)));
    assert!(params(text).iter().all(|param| param.key.input() != "control_after_generate"));
}
