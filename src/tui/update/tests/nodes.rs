use std::sync::Arc;
use std::time::SystemTime;

use super::*;
use crate::config::Profile;
use crate::domain::ParamKind;
use crate::domain::field::Recalled;
use crate::domain::run::Protocol;
use crate::domain::schema::Schema;
use crate::library::open::OpenWorkflow;
use crate::library::schemas::{KnownNodes, SchemaOrigin};
use crate::tui::effect::{ReadNodes, ServerRequest};

const NODES: &str = r#"{
    "KSampler": {"input": {"required": {
        "steps": ["INT", {"min": 1, "max": 40, "tooltip": "How often noise is removed."}],
        "sampler_name": [["uni_pc", "res_4s"]]}}},
    "Toggle": {"input": {"required": {"enabled": ["BOOLEAN", {"label_on": "yes", "label_off": "no"}]}}}
}"#;

/// A screen whose runs go to a ComfyUI.
fn stage() -> Stage {
    let mut stage = Stage::new(120, 40);
    let asked = stage.hear(Msg::Profile(Arc::new(Profile {
        name: "mine".to_owned(),
        protocol: Protocol::Comfyui,
        ..Profile::of_url("http://localhost:8188")
    })));
    assert!(asked.contains(&ask(&stage, ReadNodes::IfUnknown)));
    stage
}

fn ask(stage: &Stage, how: ReadNodes) -> Effect {
    Effect::Server(ServerRequest::Nodes { open: stage.model.open.clone(), how })
}

fn answer(stage: &Stage, url: &str, how: ReadNodes) -> Msg {
    answer_of(stage, NODES, url, how)
}

fn answer_of(stage: &Stage, nodes: &str, url: &str, how: ReadNodes) -> Msg {
    let known = KnownNodes {
        origin: SchemaOrigin::Server(url.to_owned()),
        schema: Schema::parse(nodes).expect("a schema"),
        classes: 2_000,
        read_at: SystemTime::UNIX_EPOCH,
    };
    let open = stage.model.open.workflow.as_deref().expect("a workflow");
    Msg::Nodes { workflow: Arc::new(OpenWorkflow::knowing(open, Some(Arc::new(known)))), how }
}

#[test]
fn what_nodes_take_arrives_late_and_disturbs_nothing() {
    let mut stage = stage();
    let (steps, sampler) = (key("3-inputs-steps"), key("3-inputs-sampler_name"));
    stage.model.draft.set(&steps, value(77));
    stage.model.params.selected = Some(key("6-inputs-text"));
    stage.press("enter");
    stage.type_text(" at dawn");
    let answer = answer(&stage, "http://localhost:8188", ReadNodes::IfUnknown);
    assert_eq!(stage.hear(answer), []);
    let draft = &stage.model.draft;
    let of = |key| draft.param(key).expect("a parameter");
    assert_eq!(of(&steps).range.max, Some(40.into()));
    assert_eq!((&of(&sampler).kind, of(&sampler).choices.len()), (&ParamKind::Choice, 2));
    assert_eq!(draft.setting(&steps), Some(value(77)));
    let field = stage.model.params.editing.as_ref().expect("the open field");
    assert!(field.value().ends_with("at dawn"));
    stage.press("esc u");
    assert!(!stage.model.draft.shown(&key("6-inputs-text")).expect("a text").ends_with("dawn"));
    stage.press("u");
    assert_eq!(stage.model.draft.setting(&steps), Some(value(30)), "undo goes back beyond the arrival");
}

#[test]
fn an_answer_of_another_server_or_workflow_is_dropped() {
    let mut stage = stage();
    let elsewhere = answer(&stage, "http://localhost:9999", ReadNodes::IfUnknown);
    stage.hear(elsewhere);
    assert!(stage.model.open.workflow.as_ref().is_some_and(|open| open.nodes.is_none()));
    let late = answer(&stage, "http://localhost:8188", ReadNodes::IfUnknown);
    stage.model.open.workflow = None;
    stage.hear(late);
    assert!(stage.model.open.workflow.is_none());
}

#[test]
fn a_key_reads_it_again_and_tells() {
    let mut stage = stage();
    stage.press("1");
    let expected = ask(&stage, ReadNodes::Again);
    assert_eq!(stage.press("n"), [expected]);
    let again = answer(&stage, "http://localhost:8188", ReadNodes::Again);
    stage.hear(again);
    assert!(stage.screen().contains("2000 kinds of nodes at http://localhost:8188"), "{}", stage.screen());
    // It is known now: the same profile asks nothing.
    let same = stage.model.open.profile.clone().expect("a profile");
    assert!(!stage.hear(Msg::Profile(same)).iter().any(|effect| matches!(effect, Effect::Server(_))));
    let why = "http://localhost:8188: refused".to_owned();
    stage.hear(Msg::NodesNotRead { why: why.clone(), how: ReadNodes::IfUnknown });
    assert!(!stage.screen().contains("refused"), "nobody asked for it");
    stage.hear(Msg::NodesNotRead { why, how: ReadNodes::Again });
    assert!(stage.screen().contains("refused"));
}

#[test]
fn a_server_that_says_nothing_is_not_asked() {
    let mut stage = Stage::new(120, 40);
    stage.press("1");
    assert_eq!(stage.press("n"), []);
    assert!(stage.screen().contains("does not say what its nodes take"));
}

#[test]
fn what_the_server_does_not_take_is_marked_and_asked_about() {
    let mut stage = stage();
    let (steps, sampler) = (key("3-inputs-steps"), key("3-inputs-sampler_name"));
    let known = answer(&stage, "http://localhost:8188", ReadNodes::IfUnknown);
    stage.hear(known);
    stage.model.draft.say([(steps.clone(), value(77)), (sampler.clone(), value("uni_pd"))], Said::Typed);
    stage.press("1");
    stage.model.params.selected = Some(sampler.clone());
    let screen = stage.screen();
    assert!(screen.contains("out of range ✗") && screen.contains("nearest uni_pc ✗"), "{screen}");
    assert_eq!(stage.press("ctrl+r"), [ask(&stage, ReadNodes::BeforeRun)], "unsure is not sent");
    assert_eq!(stage.told(), "Asking the server what it has now, before anything is sent…");
    let same = answer(&stage, "http://localhost:8188", ReadNodes::BeforeRun);
    assert_eq!(stage.hear(same), []);
    let Some(Overlay::Confirm(confirm)) = &stage.model.overlay else {
        panic!("no question: {}", stage.told())
    };
    let screen = format!("{} {}", confirm.question, stage.screen());
    for part in [
        "77 is more than the largest value, 40 (nearest: 40)",
        "the server has no uni_pd",
        "take the nearest",
    ] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    let effects = stage.press("t");
    let sent = effects.iter().find_map(|effect| match effect {
        Effect::Do(Operation::Submit(new)) => Some(&new.submission.params),
        _ => None,
    });
    let sent = sent.expect("a run");
    assert_eq!((&sent[&steps], &sent[&sampler]), (&40.into(), &"uni_pc".into()));
    stage.press("1 u");
    assert_eq!(stage.model.draft.setting(&steps), Some(value(77)), "undo brings back what was typed");
    stage.press("ctrl+r");
    // What is known serves when the server does not answer.
    assert_eq!(stage.hear(not_read()), []);
    let effects = stage.press("y");
    assert!(matches!(effects[..], [Effect::Do(Operation::Submit(_))]), "{effects:?}");
}

fn not_read() -> Msg {
    Msg::NodesNotRead { why: "nobody answers".to_owned(), how: ReadNodes::BeforeRun }
}

/// A screen with a sampler that the server does not have, as far as it said.
fn stage_in_doubt() -> Stage {
    let mut stage = stage();
    let known = answer(&stage, "http://localhost:8188", ReadNodes::IfUnknown);
    stage.hear(known);
    stage.model.draft.set(&key("3-inputs-sampler_name"), value("new_one"));
    stage.press("1");
    stage
}

#[test]
fn what_the_server_has_by_now_is_not_doubted() {
    let mut stage = stage_in_doubt();
    assert_eq!(stage.press("ctrl+r"), [ask(&stage, ReadNodes::BeforeRun)]);
    let grown = NODES.replace("\"res_4s\"", "\"res_4s\", \"new_one\"");
    let effects = stage.hear(answer_of(&stage, &grown, "http://localhost:8188", ReadNodes::BeforeRun));
    assert!(matches!(effects[..], [Effect::Do(Operation::Submit(_))]), "{effects:?}");
    // A run that waits is the one that was asked for, or none.
    let mut stage = stage_in_doubt();
    stage.press("ctrl+r");
    stage.model.draft.set(&key("3-inputs-steps"), value(7));
    assert_eq!(stage.hear(answer_of(&stage, &grown, "http://localhost:8188", ReadNodes::BeforeRun)), []);
    assert_eq!(stage.told(), "Not sent: values were changed while the server was asked");
    assert_eq!(stage.hear(not_read()), []);
}

#[test]
fn values_to_explore_are_marked_and_asked_about_with_the_nearest() {
    let mut stage = stage();
    let known = answer(&stage, "http://localhost:8188", ReadNodes::IfUnknown);
    stage.hear(known);
    stage.press("E");
    stage.press("ctrl+u");
    stage.type_text("1");
    stage.press("down");
    stage.type_text("sampler");
    stage.press("enter");
    stage.type_text("uni_pc, uni_pd, res_4s");
    let screen = stage.screen();
    let told = "✗ sampler: the server has no uni_pd (nearest: uni_pc)";
    assert!(screen.contains("3 ✗") && screen.contains(told), "{screen}");
    assert_eq!(stage.press("enter"), [ask(&stage, ReadNodes::BeforeRun)]);
    assert_eq!(stage.hear(not_read()), []);
    let screen = stage.screen();
    assert!(
        screen.contains("Send what the server does not take?") && screen.contains("take the nearest"),
        "{screen}"
    );
    assert_eq!(stage.press("t"), []);
    let effects = stage.press("y");
    let [Effect::Do(Operation::SubmitBatch(order))] = &effects[..] else { panic!("{effects:?}") };
    let sampler = order.plan.axes().iter().find(|axis| axis.name == "sampler").expect("an axis");
    assert_eq!(sampler.settings, [value("uni_pc"), value("res_4s")]);
}

#[test]
fn what_was_last_used_comes_first_in_a_list() {
    let mut stage = stage();
    let answer = answer(&stage, "http://localhost:8188", ReadNodes::IfUnknown);
    stage.hear(answer);
    let sampler = key("3-inputs-sampler_name");
    let recalled = |typed: &str| {
        let found = [("gone", 9), ("res_4s", 8), ("uni_pc", 7)].map(|(text, run)| Recalled {
            value: text.into(),
            run,
            used: 1,
            at: 0,
            starred: false,
        });
        Msg::Recalled { key: sampler.clone(), typed: typed.to_owned(), found: found.to_vec() }
    };
    stage.model.params.selected = Some(sampler.clone());
    let asked = stage.press("1 enter");
    assert!(
        matches!(&asked[..], [Effect::Ask(Question::Recall { typed, .. })] if typed.is_empty()),
        "{asked:?}"
    );
    let labels = |stage: &Stage| match &stage.model.overlay {
        Some(Overlay::Picker(picker)) => {
            picker.items.iter().map(|item| item.label.clone()).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(labels(&stage), ["uni_pc", "res_4s"]);
    stage.hear(recalled(""));
    assert_eq!(labels(&stage), ["res_4s", "uni_pc"]);
    assert!(stage.screen().contains("run 8"));
    stage.press("enter");
    assert_eq!(stage.model.draft.setting(&sampler), Some(value("uni_pc")), "the value of now stays selected");
    stage.press("enter");
    stage.type_text("uni");
    stage.hear(recalled(""));
    assert_eq!(labels(&stage), ["uni_pc", "res_4s"], "a list in use stays as it is");
}

#[test]
fn a_list_of_choices_is_marked_and_taken_as_a_whole() {
    let mut stage = stage();
    let nodes = r#"{"KSampler": {"input": {"required": {
        "sampler_name": ["COMBO", {"options": ["ddim", "res_4s", "uni_pc"], "multi_select": {"chip": true}}]}}}}"#;
    let answer = answer_of(&stage, nodes, "http://localhost:8188", ReadNodes::IfUnknown);
    stage.hear(answer);
    let sampler = key("3-inputs-sampler_name");
    assert_eq!(stage.model.draft.param(&sampler).map(|param| &param.kind), Some(&ParamKind::Several));
    let list = |names: &[&str]| {
        Some(Setting::Value(crate::domain::value::of_list(names.iter().map(|n| (*n).into()).collect())))
    };
    stage.model.params.selected = Some(sampler.clone());
    stage.press("1 enter");
    let screen = stage.screen();
    assert!(
        screen.contains("1 marked · 1 of 3") && screen.contains("● uni_pc") && screen.contains("○ res_4s"),
        "{screen}"
    );
    // What is marked stays marked while the list is narrowed.
    stage.type_text("res");
    stage.press("space");
    stage.press("enter");
    assert_eq!(stage.model.draft.setting(&sampler), list(&["uni_pc", "res_4s"]));
    // The marked ones are on top, in their order; one that the server does not have is told of.
    stage.press("enter space down down");
    stage.type_text("wax");
    stage.press("space enter");
    assert_eq!(stage.model.draft.setting(&sampler), list(&["res_4s", "wax"]));
    let doubt = stage.model.draft.doubt(&sampler, &list(&["res_4s", "wax"]).expect("a list"));
    assert_eq!(doubt.map(|doubt| doubt.why), Some("the server has no wax".to_owned()));
    stage.press("enter esc");
    assert_eq!(stage.model.draft.setting(&sampler), list(&["res_4s", "wax"]), "Esc changes nothing");
}

#[test]
fn an_open_field_says_what_it_takes_and_a_boolean_its_words() {
    let mut stage = stage();
    let answer = answer(&stage, "http://localhost:8188", ReadNodes::IfUnknown);
    stage.hear(answer);
    stage.model.params.selected = Some(key("3-inputs-steps"));
    stage.press("1 enter");
    let screen = stage.screen();
    assert!(screen.contains("1 to 40  How often noise is removed.") && screen.contains("● yes"), "{screen}");
}
