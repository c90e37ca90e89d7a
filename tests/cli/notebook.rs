//! What people note of runs from the command line, how they find them again, and what they remove.

use crate::support::{Ended, Home, Server};

/// A home with three runs: seeds 7, 8 and, repeated, 8 again.
fn home(server: &Server) -> Home {
    let home = Home::new();
    for seed in ["7", "8"] {
        let args = ["run", "flamingo", "--set", "steps=1", "--seed", seed, "--url", &server.url, "-o", "out"];
        assert_eq!(home.deck(&args).code, Some(0));
    }
    assert_eq!(home.deck(&["replay", "2", "-o", "out"]).code, Some(0));
    home
}

fn good(home: &Home, args: &[&str]) -> Ended {
    let ended = home.deck(args);
    assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
    ended
}

/// The numbers of the runs that a search lists.
fn found(home: &Home, search: &str) -> Vec<i64> {
    let lines = good(home, &["runs", "--json", "--search", search]).json();
    lines.iter().map(|line| line["run"].as_i64().expect("a number")).collect()
}

#[test]
fn runs_are_tagged_noted_rejected_and_found_again() {
    let server = Server::quick();
    let home = home(&server);
    good(&home, &["runs", "tag", "1..2", "Final", "hands"]);
    good(&home, &["runs", "tag", "2", "hands", "--remove"]);
    good(&home, &["runs", "note", "seed:7", "six fingers"]);
    good(&home, &["runs", "star", "last"]);
    for (search, runs) in [
        ("tag:final", &[2, 1][..]),
        ("tag:final -tag:hands", &[2]),
        ("\"six fingers\"", &[1]),
        ("seed:8", &[3, 2]),
        ("seed:8 -tag:final", &[3]),
        ("-tag:final", &[3]),
        ("-\"six fingers\"", &[3, 2]),
        ("is:starred status:done after:yesterday", &[3]),
        ("before:yesterday", &[]),
        ("run:1,3", &[3, 1]),
    ] {
        assert_eq!(found(&home, search), runs, "{search}");
    }
    for nothing in ["", " ", "-"] {
        let refused = home.deck(&["runs", "reject", nothing]);
        assert!(refused.code == Some(2) && refused.err.contains("no run is named"), "{refused:?}");
    }
    assert_eq!(found(&home, "is:rejected"), [0_i64; 0]);
    good(&home, &["runs", "reject", "2"]);
    assert_eq!((found(&home, ""), found(&home, "is:rejected")), (vec![3, 1], vec![2]));
    good(&home, &["runs", "reject", "2", "--undo"]);
    assert_eq!(found(&home, ""), [3, 2, 1]);
    assert!(good(&home, &["show", "1"]).out.contains("six fingers"));
    let shown = &good(&home, &["show", "3", "--json"]).json()[0];
    assert_eq!(shown["starred"], true);
    assert_eq!(
        shown["ancestors"],
        serde_json::json!([
            {"run": 1, "how": "likely", "change": "seed 8"},
            {"run": 2, "how": "again", "change": "the same values"},
        ])
    );
    assert!(good(&home, &["show", "2"]).out.contains("└ 3  again"), "what came of it");
}

#[test]
fn searches_are_saved_and_a_slip_is_named() {
    let server = Server::quick();
    let home = home(&server);
    good(&home, &["runs", "searches", "eights", "seed:8 status:done"]);
    assert_eq!(good(&home, &["runs", "searches"]).out, "@eights  seed:8 status:done\n");
    assert_eq!(found(&home, "@eights"), [3, 2]);
    good(&home, &["runs", "searches", "eights", "--remove"]);
    for (search, told) in [
        ("@eights", "no search is saved"),
        ("sede:8", "Did you mean `seed`?"),
        ("status:dome", "status:done?"),
    ] {
        let refused = home.deck(&["runs", "--search", search]);
        assert!(refused.code == Some(2) && refused.err.contains(told), "{search}: {refused:?}");
    }
}

#[test]
fn runs_are_removed_after_saying_what_that_frees_and_files_only_when_asked() {
    let server = Server::quick();
    let home = home(&server);
    let file = home.stored(1).outputs[0].path.clone();
    let refused = home.deck(&["runs", "rm", "1"]);
    assert!(refused.code == Some(2) && refused.err.contains("--yes"), "{refused:?}");
    let removed = good(&home, &["runs", "rm", "1", "--yes"]);
    assert!(removed.err.contains("removed 1 run with") && removed.err.contains("freed"), "{removed:?}");
    assert!(file.exists() && found(&home, "") == [3, 2]);
    let file = home.stored(2).outputs[0].path.clone();
    good(&home, &["runs", "rm", "2", "--files", "--yes"]);
    assert!(!file.exists() && found(&home, "") == [3]);
    good(&home, &["runs", "star", "3"]);
    good(&home, &["runs", "prune", "--older", "0d", "--yes"]);
    assert_eq!(found(&home, ""), [3], "a starred one stays");
    good(&home, &["runs", "prune", "--older", "0d", "--starred", "--yes"]);
    assert_eq!(home.count(), 0);
}

#[test]
fn the_queue_is_shown_held_and_cancelled_and_what_was_sent_is_added_up() {
    let server = Server::endless();
    let home = Home::new();
    let args = ["run", "flamingo", "--url", &server.url, "-o", "out", "--detach", "--seed"];
    for seed in ["1", "2", "3", "4"] {
        good(&home, &[&args[..], &[seed]].concat());
    }
    let waiting: Vec<i64> = home.store().queued_runs().expect("read").iter().map(|run| run.id).collect();
    let [.., before, last] = waiting[..] else { panic!("{waiting:?}") };
    good(&home, &["queue", "earlier", &last.to_string()]);
    let order: Vec<i64> = home.store().queued_runs().expect("read").iter().map(|run| run.id).collect();
    assert!(order.ends_with(&[last, before]), "{order:?}");
    good(&home, &["queue", "hold"]);
    assert!(home.store().queued_runs().expect("read").iter().all(|run| run.held.is_some()));
    let listed = good(&home, &["queue"]);
    assert!(listed.err.contains("held"), "{listed:?}");
    good(&home, &["queue", "resume", &last.to_string()]);
    let refused = home.deck(&["queue", "cancel"]);
    assert!(refused.code == Some(2) && refused.err.contains("--yes"), "{refused:?}");
    good(&home, &["queue", "cancel", "--yes"]);
    assert!(home.store().queued_runs().expect("read").is_empty());
    let sums = good(&home, &["stats", "--by", "preset", "--json"]).json();
    let sent = home.store().runs_in_flight().expect("read").len();
    assert_eq!(
        (&sums[0]["name"], sums[0]["runs"].as_u64()),
        (&"flamingo".into(), Some(sent as u64)),
        "{sums:?}"
    );
    assert_eq!(sums.last().expect("a line")["by"], "all");
}
