//! Proxies, certificates and addresses that are dead. Every run is the real program's, with requests, a websocket and a
//! download; the server is the demo endpoint, behind real proxies and real TLS.

mod addresses;
mod certificates;
mod proxies;
mod proxy;
mod tls;

use std::process::Command;

use crate::support::{Ended, Home, Running, Server};

/// A name that only the proxies of the tests, and the shim, know.
pub(crate) const HOST: &str = "gpu.example";

/// What a person's own environment may say.
const VARIABLES: [&str; 10] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// A home whose profile `gpu` is at this address, and says this, too.
pub(crate) fn home(protocol: &str, base: &str, more: &str) -> Home {
    let home = Home::new();
    let who = "client_id = \"me\"\nclient_secret = \"x\"\n";
    let address = match protocol {
        "cloud" => format!("url = \"{base}/demo\"\napi_url = \"{base}\"\n{who}"),
        "stream" => format!("url = \"{base}\"\n{who}"),
        _ => format!("url = \"{base}\"\n"),
    };
    std::fs::create_dir_all(&home.dirs.config).expect("made");
    let text = format!("[profiles.gpu]\nprotocol = \"{protocol}\"\n{address}{more}");
    std::fs::write(home.dirs.config_file(), text).expect("written");
    home
}

pub(crate) fn command(home: &Home, args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = home.command(args);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.envs(env.iter().copied());
    command
}

/// Runs the demo's workflow at the profile.
pub(crate) fn run(home: &Home, env: &[(&str, &str)]) -> Ended {
    let args = ["run", "flamingo", "--set", "steps=1", "--profile", "gpu", "-o", "out", "--json"];
    Running::new(command(home, &args, env)).end()
}

pub(crate) fn doctor(home: &Home, env: &[(&str, &str)]) -> Ended {
    Running::new(command(home, &["doctor", "--profile", "gpu"], env)).end()
}

/// The run went well, by requests, a websocket where the protocol has one, and a download.
pub(crate) fn assert_whole(protocol: &str, ended: &Ended, server: &mut Server) {
    assert_eq!(ended.code, Some(0), "{protocol}: {ended:?}");
    let targets: Vec<String> = server.requests().into_iter().map(|seen| seen.target).collect();
    let has = |part: &str| targets.iter().any(|target| target.contains(part));
    match protocol {
        "comfyui" => assert!(has("/api/prompt") && has("/ws?") && has("/view?"), "{targets:?}"),
        "cloud" => assert!(has("/infer") && has("/socket.io/?") && has("/storage/"), "{targets:?}"),
        _ => assert_eq!(targets.len(), 1, "{targets:?}"),
    }
    // A websocket that does not open is no failed run, only a poorer one.
    assert!(!ended.out.contains(r#""event":"warning""#), "{protocol}: {}", ended.out);
}
