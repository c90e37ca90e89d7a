//! Workflows as people's exports are, each with what is to be known of it: what its inputs are for, of what kind they
//! are, what stands first.
//!
//! `cargo test --test workflows -- --nocapture` prints how much of it is known.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use comfydeck::domain::draft::Layer;
use comfydeck::domain::param::{self, FileKind, Rank};
use comfydeck::domain::{Draft, ParamKind, Parameter, Role, Workflow};
use serde::Deserialize;

/// Rows of the parameters on a screen of 24 lines.
const FIRST_SCREEN: usize = 20;

#[derive(Deserialize)]
struct Case {
    expect: Expected,
    workflow: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Role → keys, those of the first sampler first.
    roles: BTreeMap<String, Vec<String>>,
    /// The key of the first row.
    first: Option<String>,
    #[serde(default)]
    kinds: BTreeMap<String, String>,
    /// Keys that are seen only when all are asked for.
    #[serde(default)]
    hidden: Vec<String>,
}

fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let read = |path: &Path| {
        let text = fs::read_to_string(path).expect("a case");
        let case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_stem().expect("a name").to_string_lossy().into_owned(), case)
    };
    files.iter().map(|path| read(path)).collect()
}

fn arranged(workflow: &serde_json::Value) -> Vec<Parameter> {
    let workflow = Workflow::parse(&workflow.to_string()).expect("a workflow");
    let mut params = param::parameters(&workflow);
    param::arrange(&mut params);
    params
}

fn word(parameter: &Parameter) -> &'static str {
    match &parameter.kind {
        _ if parameter.kind == ParamKind::Choice && parameter.is_switch() => "switch",
        ParamKind::LongText => "long text",
        ParamKind::Text => "text",
        ParamKind::Integer => "integer",
        ParamKind::Float => "float",
        ParamKind::Boolean => "boolean",
        ParamKind::Seed => "seed",
        ParamKind::File(FileKind::Image) => "image",
        ParamKind::File(FileKind::Video) => "video",
        ParamKind::File(FileKind::Audio) => "audio",
        ParamKind::File(FileKind::Mask) => "mask",
        ParamKind::Choice => "choice",
        ParamKind::Several => "several",
        ParamKind::Lora => "lora",
        ParamKind::Link => "link",
        ParamKind::Json => "json",
    }
}

/// Right of all.
#[derive(Default)]
struct Score(usize, usize);

impl Score {
    fn of(&mut self, is_right: bool, wrong: &mut Vec<String>, what: impl FnOnce() -> String) {
        self.1 += 1;
        if is_right {
            self.0 += 1;
        } else {
            wrong.push(what());
        }
    }
}

#[test]
fn roles_kinds_and_order_are_known_of_workflows_as_they_come() {
    let (mut roles, mut kinds, mut first, mut screen, mut hidden) =
        <(Score, Score, Score, Score, Score)>::default();
    let mut wrong = Vec::new();
    let cases = cases();
    for (name, case) in &cases {
        let params = arranged(&case.workflow);
        for (role, keys) in &case.expect.roles {
            let known = Role::from_word(role).unwrap_or_else(|| panic!("{name}: no role {role}"));
            let of_role =
                params.iter().filter(|p| p.role == Some(known) && p.is_editable() && !p.default.is_null());
            let found: Vec<&str> = of_role.map(|p| p.key.as_str()).collect();
            let mut expected: Vec<&str> = keys.iter().map(String::as_str).collect();
            let mut sorted = found.clone();
            sorted.sort_unstable();
            expected.sort_unstable();
            roles.of(sorted == expected, &mut wrong, || format!("{name}: {role} is {found:?}, not {keys:?}"));
        }
        // No prompt where there is none.
        for role in [Role::Prompt, Role::Negative] {
            if !case.expect.roles.contains_key(role.word()) {
                let found: Vec<&str> =
                    params.iter().filter(|p| p.role == Some(role)).map(|p| p.key.as_str()).collect();
                roles.of(found.is_empty(), &mut wrong, || {
                    format!("{name}: {found:?} taken for the {}", role.word())
                });
            }
        }
        for (key, kind) in &case.expect.kinds {
            let found = params.iter().find(|p| p.key.as_str() == key).map(word);
            kinds.of(found == Some(kind.as_str()), &mut wrong, || {
                format!("{name}: {key} is {found:?}, not {kind}")
            });
        }
        for parameter in &params {
            let expected = case.expect.hidden.iter().any(|key| key == parameter.key.as_str());
            hidden.of(parameter.hidden == expected, &mut wrong, || {
                format!("{name}: {} is {}hidden", parameter.key, if expected { "not " } else { "" })
            });
        }
        let rows: Vec<&Parameter> =
            params.iter().filter(|p| !p.hidden && !p.advanced && p.kind != ParamKind::Link).collect();
        if let Some(expected) = &case.expect.first {
            let found = rows.first().map(|p| p.key.as_str());
            first.of(found == Some(expected), &mut wrong, || {
                format!("{name}: {found:?} stands first, not {expected}")
            });
        }
        // What people change stands on the first screen; a long text takes at most five lines.
        let on_top: Vec<&&Parameter> = rows.iter().filter(|p| p.rank == Rank::Top).collect();
        let essential =
            [Role::Prompt, Role::Negative, Role::Image, Role::Seed, Role::Width, Role::Height, Role::Steps];
        for role in essential {
            if let Some(at) = on_top.iter().position(|p| p.role == Some(role)) {
                let height: usize = on_top[..=at]
                    .iter()
                    .map(|p| p.default.as_str().map_or(1, |t| t.lines().count().clamp(1, 5)))
                    .sum();
                screen.of(height <= FIRST_SCREEN, &mut wrong, || {
                    format!("{name}: {} in line {height}", role.word())
                });
            } else if case.expect.roles.contains_key(role.word()) {
                screen.of(false, &mut wrong, || format!("{name}: {} is not on top", role.word()));
            }
        }
    }
    for (what, Score(right, all)) in [
        ("roles found", roles),
        ("kinds right", kinds),
        ("first row right", first),
        ("first screen right", screen),
        ("hidden rows right", hidden),
    ] {
        println!("{what}: {right} of {all}");
    }
    println!("workflows: {}", cases.len());
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_history_shows_the_prompt() {
    for (name, case) in cases() {
        let prompts = case.expect.roles.get("prompt").cloned().unwrap_or_default();
        let params = arranged(&case.workflow);
        let texts: Vec<String> = prompts
            .iter()
            .filter_map(|key| params.iter().find(|p| p.key.as_str() == key))
            .filter_map(|p| p.default.as_str().map(str::to_owned))
            .collect();
        let draft = Draft::new(params, Layer::default());
        let prompt = draft.prompt();
        assert!(texts.contains(&prompt) || texts.is_empty(), "{name}: {prompt:?} is none of {texts:?}");
    }
}
