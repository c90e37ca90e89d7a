//! The cloud API from the command line: what a killed runner, another machine and a cancel make of a run.

use std::time::Duration;

use comfydeck::demo::{CloudFault, DemoOptions};
use comfydeck::domain::{RunId, Status};
use rustix::process::{Signal, kill_process};

use crate::support::{CLIENT_SECRET, FOREVER, Home, Server};

/// A home with a profile at the service.
fn home(server: &Server) -> Home {
    let home = Home::new();
    let url = &server.url;
    let config = format!(
        "[profiles.cloud]\nprotocol = \"cloud\"\nurl = \"{url}/demo\"\napi_url = \"{url}\"\nclient_id = {{ env = \"VIEWCOMFY_CLIENT_ID\" }}\nclient_secret = {{ env = \"VIEWCOMFY_CLIENT_SECRET\" }}\n"
    );
    std::fs::create_dir_all(&home.dirs.config).expect("made");
    std::fs::write(home.dirs.config_file(), config).expect("written");
    home
}

/// Runs that were asked for, by their names there.
fn sent(server: &mut Server) -> Vec<String> {
    let runs = server.requests().into_iter().filter_map(|seen| seen.run);
    runs.filter_map(|run| run.prompt_id).collect()
}

fn slow() -> DemoOptions {
    DemoOptions { step: Duration::from_millis(60), ..DemoOptions::quick() }
}

#[test]
fn a_run_survives_its_runner_and_is_sent_once() {
    let mut server = Server::start(slow());
    let home = home(&server);
    let mut logs = home.start(&["run", "flamingo", "--json"]);
    logs.until("\"event\":\"log\"");
    kill_process(home.runner(), Signal::KILL).expect("killed");
    let ended = logs.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let run = home.stored(1);
    assert_eq!((run.status, run.outputs.len()), (Status::Done, 1));
    assert_eq!(sent(&mut server), [run.prompt_id.expect("a name")]);
    home.await_no_runner();
    let left = std::fs::read_dir(&home.dirs.runtime).map_or(0, Iterator::count);
    assert_eq!(left, 0, "what was handed over for it is gone with it");
    assert!(
        !std::fs::read_to_string(home.dirs.state.join("runner.log")).expect("a log").contains(CLIENT_SECRET)
    );
}

#[test]
fn a_cancel_ends_the_run_there() {
    let server = Server::endless();
    let home = home(&server);
    let mut run = home.start(&["run", "flamingo", "--json"]);
    run.until("\"event\":\"log\"");
    assert_eq!(home.deck(&["cancel", "1"]).code, Some(0));
    let ended = run.end();
    assert_eq!(ended.code, Some(4), "{}", ended.err);
    assert!(ended.err.contains("The service confirmed"), "{}", ended.err);
}

#[test]
fn a_cancel_that_the_service_ignores_need_not_be_waited_for() {
    let server = Server::start(
        DemoOptions { step: FOREVER, ..DemoOptions::quick() }.with_cloud(CloudFault::CancelIgnored),
    );
    let home = home(&server);
    let mut run = home.start(&["run", "flamingo", "--json"]);
    run.until("\"event\":\"log\"");
    assert_eq!(home.deck(&["cancel", "1", "--let-go"]).code, Some(2), "nobody has asked it to end");
    assert_eq!(home.deck(&["cancel", "1"]).code, Some(0));
    let again = home.deck(&["cancel", "1"]);
    assert!(again.err.contains("cancel 1 --let-go"), "{}", again.err);
    assert_eq!(home.deck(&["cancel", "1", "--let-go"]).code, Some(0));
    let ended = run.end();
    assert_eq!(ended.code, Some(5), "{}", ended.err);
    assert!(ended.err.contains("did not confirm"), "{}", ended.err);
}

#[test]
fn what_a_run_made_can_be_fetched_by_its_name_from_anywhere() {
    let mut server = Server::quick();
    let here = home(&server);
    assert_eq!(here.deck(&["run", "flamingo"]).code, Some(0));
    let first = here.stored(1);
    let name = first.prompt_id.clone().expect("a name");
    assert_eq!(sent(&mut server).len(), 1);

    // Nothing is missing, nothing is asked.
    let again = here.deck(&["fetch", &name]);
    assert_eq!((again.code, again.out.trim()), (Some(0), first.outputs[0].path.to_str().expect("UTF-8")));
    assert_eq!((here.count(), server.requests().len()), (1, 0));

    std::fs::remove_file(&first.outputs[0].path).expect("removed");
    for named in ["1", &name] {
        let id = here.count() as RunId + 1;
        let fetched = here.deck(&["fetch", named, "-o", "again"]);
        assert_eq!(fetched.code, Some(0), "{}", fetched.err);
        let run = here.stored(id);
        assert_eq!(run.outputs[0].sha256, first.outputs[0].sha256);
        assert_eq!(
            (&run.request.params, run.request.prompt),
            (&first.request.params, first.request.prompt.clone())
        );
    }

    let there = home(&server);
    let fetched = there.deck(&["fetch", &name]);
    assert_eq!(fetched.code, Some(0), "{}", fetched.err);
    assert_eq!(there.stored(1).outputs[0].sha256, first.outputs[0].sha256);
    assert_eq!(sent(&mut server), [""; 0], "nothing was run again");
}

#[test]
fn what_cannot_be_fetched_is_said() {
    let server = Server::quick();
    let home = home(&server);
    let unsuited = home.deck(&["fetch", "no name at all"]);
    assert_eq!(unsuited.code, Some(2));
    assert!(unsuited.err.contains("by its prompt id"), "{}", unsuited.err);
    let stream = format!("[profiles.old]\nurl = \"{}\"\n", server.url);
    std::fs::write(home.dirs.config_file(), stream).expect("written");
    let refused = home.deck(&["fetch", "p-1"]);
    assert_eq!((refused.code, home.count()), (Some(2), 0));
    assert!(refused.err.contains("cannot find a run again"), "{}", refused.err);
}

#[test]
fn a_run_that_is_only_scheduled_holds_no_socket() {
    let mut server = Server::quick();
    let home = home(&server);
    let queued = home.deck(&["run", "flamingo", "--no-logs", "--detach"]);
    assert_eq!((queued.code, queued.out.as_str()), (Some(0), "1\n"));
    home.await_no_runner();
    assert_eq!(home.stored(1).status, Status::Done);
    let seen = server.requests();
    assert!(seen.iter().all(|seen| !seen.target.starts_with("/socket.io")), "{seen:?}");
    assert!(seen.iter().filter_map(|seen| seen.run.as_ref()).all(|run| run.socket.is_none()));
}

#[test]
fn doctor_asks_the_service_and_runs_nothing() {
    let mut server = Server::quick();
    let home_here = home(&server);
    let good = home_here.deck(&["doctor"]);
    assert_eq!(good.code, Some(0), "{}", good.out);
    assert!(
        good.out.contains("accepts the credentials") && good.out.contains("its live connection opens"),
        "{}",
        good.out
    );
    assert!(server.requests().iter().all(|seen| seen.method == "GET"));

    let deaf = Server::start(DemoOptions::quick().with_cloud(CloudFault::SocketDown { times: u32::MAX }));
    let report = home(&deaf).deck(&["doctor"]);
    assert_eq!(report.code, Some(0), "{}", report.out);
    assert!(report.out.contains("without their live log"), "{}", report.out);

    let refusing = Server::start(DemoOptions::quick().with(comfydeck::demo::Fault::Unauthorized));
    let report = home(&refusing).deck(&["doctor"]);
    assert_eq!(report.code, Some(1), "{}", report.out);
    assert!(report.out.contains("does not accept the credentials"), "{}", report.out);
    assert!(!report.out.contains(CLIENT_SECRET));
}
