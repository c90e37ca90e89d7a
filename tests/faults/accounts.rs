//! Several machines, and several data folders of one machine, at one account: they hear each other's news and keep to
//! their own runs.

use std::time::Duration;

use comfydeck::demo::DemoOptions;
use comfydeck::domain::Status;

use crate::support::{Home, Server};

fn machine(server: &Server) -> Home {
    let home = Home::new();
    std::fs::create_dir_all(&home.dirs.config).expect("made");
    let profiles: String = ["cloud", "comfyui"]
        .map(|protocol| {
            let address = match protocol {
                "cloud" => format!(
                    "url = \"{0}/demo\"\napi_url = \"{0}\"\nclient_id = \"me\"\nclient_secret = \"x\"\n",
                    server.url
                ),
                _ => format!("url = \"{}\"\n", server.url),
            };
            format!("[profiles.{protocol}]\nprotocol = \"{protocol}\"\n{address}")
        })
        .concat();
    std::fs::write(home.dirs.config_file(), profiles).expect("written");
    home
}

/// Runs that were sent.
fn sent(server: &mut Server) -> usize {
    let is_run = |path: &str| path.ends_with("/infer") || path.ends_with("/prompt");
    server.requests().iter().filter(|seen| seen.method == "POST" && is_run(&seen.target)).count()
}

#[test]
fn two_machines_at_one_account_keep_to_their_own_runs_and_each_can_fetch_the_others() {
    for protocol in ["cloud", "comfyui"] {
        let mut server =
            Server::start(DemoOptions { step: Duration::from_millis(300), ..DemoOptions::quick() });
        let (here, there) = (machine(&server), machine(&server));
        let args = ["run", "flamingo", "--set", "steps=8", "--profile", protocol, "-o", "out", "--json"];
        let mut first = here.start(&args);
        let second = there.start(&args);
        first.until(r#""phase":"running""#);
        let prompt_id = here.stored(1).prompt_id.expect("a name");
        // While it is at work: the other machine listens to it, too.
        let fetched = there.deck(&["fetch", &prompt_id, "--profile", protocol, "-o", "fetched", "--json"]);
        assert_eq!(fetched.code, Some(0), "{protocol}: {fetched:?}");
        for ended in [first.end(), second.end()] {
            assert_eq!(ended.code, Some(0), "{protocol}: {ended:?}");
        }
        here.await_no_runner();
        there.await_no_runner();
        assert_eq!(sent(&mut server), 2, "{protocol}");
        assert_eq!((here.count(), there.count()), (1, 2), "{protocol}");
        let own = here.stored(1);
        let other = there.stored(2);
        assert_eq!((own.status, other.status), (Status::Done, Status::Done), "{protocol}");
        assert_eq!(own.outputs[0].sha256, other.outputs[0].sha256, "{protocol}: the same picture");
        assert_ne!(there.stored(1).outputs[0].path, other.outputs[0].path, "{protocol}");
    }
}

#[test]
fn a_run_that_one_machine_lost_is_fetched_from_another_and_the_newest_by_its_name_last() {
    let mut server = Server::start(DemoOptions::quick());
    let (here, there) = (machine(&server), machine(&server));
    assert_eq!(here.deck(&["fetch", "last"]).code, Some(2));
    let ended = here.deck(&["run", "flamingo", "--set", "steps=1", "--profile", "cloud", "-o", "out"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    here.await_no_runner();
    let run = here.stored(1);
    let prompt_id = run.prompt_id.clone().expect("a name");
    // The machine is gone, with its history and its pictures.
    std::fs::remove_file(&run.outputs[0].path).expect("deleted");
    let fetched = there.deck(&["fetch", &prompt_id, "--profile", "cloud", "-o", "out"]);
    assert_eq!(fetched.code, Some(0), "{fetched:?}");
    assert_eq!(there.stored(1).outputs[0].sha256, run.outputs[0].sha256);
    let last = here.deck(&["fetch", "last", "-o", "again"]);
    assert_eq!(last.code, Some(0), "{last:?}");
    let again = std::path::Path::new(last.out.trim_end());
    assert!(again.ends_with(run.outputs[0].path.file_name().expect("a name")), "{last:?}");
    assert_eq!(sent(&mut server), 1);
}
