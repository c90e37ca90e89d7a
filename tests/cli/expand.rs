//! Choices, wildcards and variables in prompts, by the built program.

use std::fs;

use serde_json::Value;

use crate::support::{Home, Server};

#[test]
fn a_template_is_sent_as_text_and_kept() {
    let (home, mut server) = (Home::new(), Server::quick());
    let wildcards = home.folder.path().join("wildcards");
    fs::create_dir_all(wildcards.join("beasts")).expect("made");
    fs::write(wildcards.join("beasts/big.txt"), "# big ones\nan {old|old} elephant\n").expect("written");
    fs::create_dir_all(home.dirs.config.join("wildcards")).expect("made");
    fs::write(home.dirs.config.join("wildcards/more.yaml"), "sky:\n  colour: [pink]\n").expect("written");
    let template = "# mine\n${c=!{pink|pink}}__beasts/*__ on a ${c} __sky/colour__ \\{server\\}";
    let text = "an old elephant on a pink pink {server}";
    let set = format!("prompt={template}");
    let run = ["run", "flamingo", "--set", &set, "--set", "steps=2", "--url", &server.url.clone()];
    let dry = home.deck(&[&run[..], &["--dry-run", "--json"]].concat());
    let dry = &dry.json()[0];
    let params: Value =
        serde_json::from_str(dry["fields"]["params"].as_str().expect("params")).expect("JSON");
    assert_eq!(
        (&params["6-inputs-text"], &dry["templates"]["texts"]["6-inputs-text"]),
        (&text.into(), &template.into())
    );
    assert_eq!(home.deck(&run).code, Some(0));
    let sent = server.requests().into_iter().find_map(|seen| seen.run).expect("sent");
    assert_eq!(sent.params["6-inputs-text"], text);
    let shown = home.deck(&["show", "last", "--json"]);
    let shown = &shown.json()[0];
    assert_eq!((&shown["params"]["6-inputs-text"], &shown["prompt"]), (&text.into(), &text.into()));
    assert_eq!(shown["templates"]["texts"]["6-inputs-text"], template);
    assert!(shown["templates"]["seed"].is_u64(), "{shown}");
}

#[test]
fn what_is_missing_is_reported_and_nothing_is_sent() {
    let (home, mut server) = (Home::new(), Server::quick());
    let url = server.url.clone();
    for (prompt, said) in [
        ("a __nothing__", "there is no wildcard `__nothing__`"),
        ("a ${nothing}", "the variable `${nothing}` is used but never set"),
    ] {
        let ended = home.deck(&["run", "flamingo", "--set", &format!("prompt={prompt}"), "--url", &url]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.err.contains(said) && ended.err.contains("Nothing was sent"), "{ended:?}");
    }
    assert_eq!((home.count(), server.requests()), (0, vec![]));
}

#[test]
fn nodes_that_expand_themselves_get_the_text_as_it_is() {
    let (home, mut server) = (Home::new(), Server::quick());
    let url = server.url.clone();
    let mut sent = |home: &Home, args: &[&str]| {
        let ended = home.deck(&[&["run"], args, &["--set", "steps=2", "--url", &url]].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        server.requests().into_iter().find_map(|seen| seen.run).expect("sent").params
    };
    let template = "prompt=a {red|red} __beast__";
    assert_eq!(
        sent(&home, &["flamingo", "--set", template, "--no-expand"])["6-inputs-text"],
        "a {red|red} __beast__"
    );
    let preset = |text: &str| {
        let text = format!("extends = \"flamingo\"\n{text}\n[params]\n7-inputs-text = \"{{dull|dull}}\"\n");
        fs::write(home.folder.path().join("presets/own.toml"), text).expect("written");
    };
    preset("expand = false");
    let params = sent(&home, &["own", "--set", template]);
    assert_eq!(
        (&params["6-inputs-text"], &params["7-inputs-text"]),
        (&"a {red|red} __beast__".into(), &"{dull|dull}".into())
    );
    preset("[expand]\n6-inputs-text = false");
    let params = sent(&home, &["own", "--set", template]);
    assert_eq!(
        (&params["6-inputs-text"], &params["7-inputs-text"]),
        (&"a {red|red} __beast__".into(), &"dull".into())
    );
    // What only looks like it is text.
    let json = sent(&home, &["flamingo", "--set", "prompt={\"a\": [1]}"]);
    assert_eq!(json["6-inputs-text"], "{\"a\": [1]}");
}
