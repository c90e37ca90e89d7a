//! No credential of any protocol gets anywhere but into requests to the profile's own server, which here repeats all of
//! them in whatever it says, and sends on to somebody else.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use comfydeck::domain::run::Protocol;

use crate::support::Home;

/// A server that tells back every header that it is sent, and sends every second question on to another place.
struct Parrot {
    url: String,
    /// The heads of all requests.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Parrot {
    fn start(to: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (to, all) = (to.clone(), Arc::clone(&all));
                std::thread::spawn(move || answer(stream.expect("a caller"), to, &all));
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("whole").clone()
    }
}

fn answer(stream: TcpStream, to: Option<String>, all: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).expect("read");
    let number = {
        let mut all = all.lock().expect("whole");
        all.push(head.clone());
        all.len()
    };
    let body =
        serde_json::json!({"error": {"type": "x", "message": format!("you are {head}"), "details": head}})
            .to_string();
    let answer = match to.filter(|_| head.starts_with("GET") && number % 2 == 0) {
        Some(to) => format!("HTTP/1.1 303 See Other\r\nLocation: {to}/there\r\n"),
        None => "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n".to_owned(),
    };
    let mut stream = stream;
    let _ = write!(stream, "{answer}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
}

#[test]
fn no_credential_of_any_protocol_gets_anywhere_else() {
    for protocol in Protocol::ALL {
        let home = Home::new();
        let elsewhere = Parrot::start(None);
        let parrot = Parrot::start(Some(elsewhere.url.clone()));
        let mut secrets = Vec::new();
        let mut config =
            format!("[profiles.p]\nprotocol = \"{}\"\nurl = \"{}\"\n", protocol.word(), parrot.url);
        if protocol.usual_api_url().is_some() {
            config += &format!("api_url = \"{}\"\n", parrot.url);
        }
        for asked in protocol.credentials() {
            let secret = format!("{}-hush-{}", asked.key, protocol.word());
            config += &format!("{} = \"{secret}\"\n", asked.key);
            secrets.push(secret);
        }
        config += "[profiles.p.headers]\nX-Own = \"own-hush-4711\"\n";
        secrets.push("own-hush-4711".to_owned());
        std::fs::create_dir_all(&home.dirs.config).expect("made");
        let file = home.dirs.config_file();
        std::fs::write(&file, config).expect("written");
        let mut printed = String::new();
        for args in [
            vec!["run", "flamingo", "--json"],
            vec!["run", "flamingo"],
            vec!["doctor", "--profile", "p"],
            vec!["doctor", "--profile", "p"],
            vec!["show", "1"],
            vec!["show", "1", "--json"],
            vec!["logs", "1"],
            vec!["runs", "--json"],
        ] {
            let ended = home.deck(&args);
            printed += &format!("{}{}", ended.out, ended.err);
        }
        home.await_no_runner();
        let word = protocol.word();
        let is_own = |head: &String| head.to_ascii_lowercase().contains("x-own: own-hush-4711");
        assert!(parrot.requests().iter().any(is_own), "{word}: the profile's own server gets it");
        let mut files = Vec::new();
        walk(home.folder.path(), &mut files);
        let mut places: Vec<(String, Vec<u8>)> = files
            .iter()
            .filter(|path| **path != file)
            .map(|path| (path.display().to_string(), std::fs::read(path).unwrap_or_default()))
            .collect();
        places.push((format!("what commands print: {printed}"), printed.clone().into_bytes()));
        places.extend(
            elsewhere
                .requests()
                .into_iter()
                .map(|head| (format!("another server: {head}"), head.into_bytes())),
        );
        for (place, bytes) in places {
            let text = String::from_utf8_lossy(&bytes);
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{word}: {secret} in {place}");
            }
        }
    }
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}
