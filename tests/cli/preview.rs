//! `preview` and `show --preview` in a pipe: paths, and nothing that a terminal would draw.

use crate::support::Home;

#[test]
fn in_a_pipe_paths_are_printed() {
    let home = Home::new();
    let path = home.folder.path().join("a.png");
    std::fs::write(&path, b"no picture, and nobody looks").expect("written");
    let path = path.to_str().expect("a path");
    let ended = home.deck(&["preview", path, path]);
    assert_eq!((ended.code, ended.out), (Some(0), format!("{path}\n{path}\n")));
    let ended = home.deck(&["preview", "/nowhere/at/all.png", path]);
    assert_eq!((ended.code, ended.out), (Some(1), format!("{path}\n")));
    assert!(ended.err.contains("/nowhere/at/all.png: there is no such file"), "{}", ended.err);
    assert_eq!(home.deck(&["preview", "--pictures", "braille", path]).code, Some(2));
    assert_eq!(home.deck(&["preview"]).code, Some(2));
}

#[test]
fn a_runs_outputs_are_named_by_the_run() {
    let home = Home::new();
    let mut endpoint =
        home.start(&["demo", "--serve", "0", "--cold-start", "0", "--load", "0", "--step", "0"]);
    let url = endpoint.until("http://127.0.0.1:").trim().to_owned();
    assert_eq!(home.deck(&["run", "flamingo", "--set", "steps=2", "--url", &url]).code, Some(0));
    let ended = home.deck(&["show", "last", "--preview"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let path = std::path::Path::new(ended.out.trim_end());
    assert!(path.is_file() && path.is_absolute(), "{ended:?}");
    endpoint.signal(rustix::process::Signal::TERM);
    endpoint.end();
}
