use std::sync::Arc;

use super::*;
use crate::config::Profile;
use crate::domain::run::Protocol;
use crate::domain::server::{Device, Memory, QueuedPrompt, ServerQueue, System, Tend};
use crate::tui::effect::ServerRequest;
use crate::tui::overlay::Confirmed;
use crate::tui::panes::server::ServerState;

const URL: &str = "http://localhost:8188";

fn stage(width: u16, height: u16) -> (Stage, Arc<Profile>) {
    let mut stage = Stage::new(width, height);
    let profile =
        Arc::new(Profile { name: "mine".to_owned(), protocol: Protocol::Comfyui, ..Profile::of_url(URL) });
    stage.hear(Msg::Profile(Arc::clone(&profile)));
    (stage, profile)
}

fn state() -> ServerState {
    let prompt = |id: &str| QueuedPrompt { number: 1.0, prompt_id: id.to_owned(), nodes: 7, client_id: None };
    let memory = Some(Memory { free: 6_000_000_000, total: 24_000_000_000 });
    ServerState {
        system: System {
            version: "0.3.64".to_owned(),
            ram: memory,
            devices: vec![Device { name: "cuda:0 Some Card".to_owned(), vram: memory }],
            ..System::default()
        },
        queue: ServerQueue { running: vec![prompt("aaa")], waiting: vec![prompt("bbb"), prompt("ccc")] },
        folders: vec!["checkpoints".to_owned(), "loras".to_owned()],
    }
}

fn seen(stage: &mut Stage) {
    stage.hear(Msg::ServerSeen { url: URL.to_owned(), answer: Ok(state()) });
}

#[test]
fn the_server_is_asked_when_its_pane_opens_and_shows_what_it_said() {
    for (width, height) in [(120, 40), (80, 24)] {
        let (mut stage, profile) = stage(width, height);
        assert_eq!(stage.press("M"), [Effect::Server(ServerRequest::Look(profile))]);
        assert!(stage.screen().contains("Asking the server…"));
        seen(&mut stage);
        let screen = stage.screen();
        for part in
            ["0.3.64", "cuda:0 Some Card", "6.0 GB of 24.0 GB free", "1 running, 2 waiting", "▸ checkpoints"]
        {
            assert!(screen.contains(part), "{part} in\n{screen}");
        }
        assert_eq!(stage.press("esc"), []);
        assert_eq!(stage.model.focus, Pane::Parameters);
    }
}

#[test]
fn a_foreign_prompt_is_removed_only_when_it_waits_and_after_a_question() {
    let (mut stage, profile) = stage(120, 40);
    stage.press("M");
    seen(&mut stage);
    assert_eq!(stage.press("d"), []);
    assert!(stage.screen().contains("It runs already, and is not ours"));
    assert_eq!(stage.press("j d"), []);
    assert!(stage.screen().contains("It is none of the runs here"), "{}", stage.screen());
    let remove = Tend::Remove("bbb".to_owned());
    assert_eq!(stage.press("y"), [Effect::Server(ServerRequest::Tend(Arc::clone(&profile), remove.clone()))]);
    let effects = stage.hear(Msg::Tended { what: remove, answer: Ok(()) });
    assert_eq!(effects, [Effect::Server(ServerRequest::Look(profile))], "and what is there now is read");
}

#[test]
fn the_queue_is_cleared_and_memory_freed_after_a_question() {
    let (mut stage, profile) = stage(120, 40);
    stage.press("M");
    seen(&mut stage);
    for (key, what) in [("X", Tend::ClearQueue), ("f", Tend::FreeMemory)] {
        assert_eq!(stage.press(key), [], "asked first");
        assert_eq!(stage.press("n"), [], "a no does nothing");
        stage.press(key);
        let wanted = Effect::Server(ServerRequest::Tend(Arc::clone(&profile), what.clone()));
        assert_eq!(stage.press("y"), [wanted]);
        stage.hear(Msg::Tended { what, answer: Err("refused. Try again".to_owned()) });
        assert!(stage.screen().contains("refused. Try again"));
    }
}

#[test]
fn a_run_of_ours_is_cancelled_as_a_run() {
    let (mut stage, _) = stage(120, 40);
    let mut rows = summaries(&[(7, &[Status::Waiting])]);
    rows[0].prompt_id = Some("BBB".to_owned());
    stage.hear(runs_msg(rows));
    stage.press("M");
    seen(&mut stage);
    assert!(stage.screen().contains("run 7"));
    stage.press("j d");
    match &stage.model.overlay {
        Some(Overlay::Confirm(confirm)) => assert_eq!(confirm.then, Confirmed::Cancel(7)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn models_of_a_folder_fold_out_and_late_answers_are_dropped() {
    let (mut stage, profile) = stage(120, 40);
    stage.press("M");
    seen(&mut stage);
    let asked = stage.press("G enter");
    assert_eq!(asked, [Effect::Server(ServerRequest::Models(profile, "loras".to_owned()))]);
    let models = |folder: &str| Msg::ServerModels {
        folder: folder.to_owned(),
        answer: Ok(vec![format!("{folder}.safetensors")]),
    };
    stage.hear(models("checkpoints"));
    assert!(!stage.screen().contains("checkpoints.safetensors"));
    stage.hear(models("loras"));
    assert!(stage.screen().contains("loras.safetensors"));
    stage.press("enter");
    assert!(!stage.screen().contains("loras.safetensors"));
}

#[test]
fn a_server_that_tells_nothing_has_no_pane() {
    let mut stage = Stage::new(120, 40);
    assert_eq!(stage.press("M"), []);
    assert!(stage.screen().contains("gives no information about itself"));
    assert_eq!(stage.model.focus, Pane::Parameters);
}
