//! Hands credentials over to the background runner without the store, a command line or the environment.
//!
//! Secrets in `config.toml` and in files are found by the runner itself, by the profile's name. Those that only the
//! submitting process has (environment variables, commands, a bare `--url`) are written to a file that only its owner
//! can read, under a random token that the request carries; the runner deletes it when the run has ended.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::{Value, json};
use thiserror::Error;

use super::dirs::private_dir;
use super::{Config, ConfigError, Credential, Credentials, Dirs, Profile, Secret, SecretError};
use crate::domain::RunRequest;

/// Length of a token in characters: 128 bits in hexadecimal.
const TOKEN_LENGTH: usize = 32;

/// Why credentials could not be handed over or found.
#[derive(Debug, Error)]
pub enum HandoverError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The profile no longer exists, or the config cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The profile's server was changed after the run was queued.
    #[error(
        "profile `{0}` points to another server than when this run was queued, so its secrets were not sent. Run it again"
    )]
    OtherServer(String),
    /// The file is missing or cannot be used.
    #[error("the credentials left for this run cannot be used ({0}). Run it again")]
    Gone(String),
    /// A file that nobody needs cannot be deleted.
    #[error("the credentials that were left for this run cannot be deleted ({why}). Delete {file}", file = .file.display())]
    NotDeleted { file: PathBuf, why: io::Error },
    /// The file cannot be written.
    #[error("the credentials cannot be left for the runner in {folder}: {why}. Make the folder writable, then run again", folder = .folder.display())]
    NotLeft { folder: PathBuf, why: io::Error },
}

/// Looks up a profile's credentials, so that missing ones are reported before anything is queued, and writes them to
/// a file where the runner could not find them itself. Returns the token for [`RunRequest::handover`].
///
/// # Errors
/// When a secret cannot be found, or the file cannot be written.
pub fn prepare(dirs: &Dirs, profile: &Profile) -> Result<Option<String>, HandoverError> {
    let credentials = profile.credentials()?;
    if !profile.is_ambient() || credentials.is_empty() {
        return Ok(None);
    }
    let leave = || {
        private_dir(&dirs.runtime)?;
        let token = format!("{:032x}", fastrand::u128(..));
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path(dirs, &token))?;
        file.write_all(to_json(&credentials).to_string().as_bytes())?;
        // Not synced: its run is queued afterwards and not synced either.
        Ok(token)
    };
    leave().map(Some).map_err(|why| HandoverError::NotLeft { folder: dirs.runtime.clone(), why })
}

/// The credentials for a run: handed over, else as its profile says now.
///
/// # Errors
/// When there are none; then the run was not sent.
pub fn collect(dirs: &Dirs, request: &RunRequest) -> Result<Credentials, HandoverError> {
    if let Some(token) = &request.handover {
        return read(dirs, token);
    }
    if request.profile.is_empty() {
        return Ok(Credentials::default());
    }
    let profile = Config::load(dirs)?.profile(&request.profile)?;
    if origin(profile.called_url()) != origin(request.called_url()) {
        return Err(HandoverError::OtherServer(request.profile.clone()));
    }
    Ok(profile.credentials()?)
}

/// Whether what was handed over for a run is not there any more.
pub fn is_gone(dirs: &Dirs, request: &RunRequest) -> bool {
    request.handover.as_deref().is_some_and(|token| !is_token(token) || !path(dirs, token).exists())
}

/// Deletes the credentials handed over for a run that has ended.
///
/// # Errors
/// When the file exists but cannot be deleted.
pub fn discard(dirs: &Dirs, request: &RunRequest) -> Result<(), HandoverError> {
    let Some(token) = request.handover.as_deref().filter(|token| is_token(token)) else { return Ok(()) };
    let file = path(dirs, token);
    match std::fs::remove_file(&file) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(HandoverError::NotDeleted { file, why }),
        _ => Ok(()),
    }
}

/// Deletes files written before `before` whose tokens do not belong to a waiting run.
///
/// # Errors
/// When the folder exists but cannot be read, or a file cannot be deleted.
pub fn sweep(dirs: &Dirs, before: SystemTime, is_waiting: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match std::fs::read_dir(&dirs.runtime) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let token = name.to_str().and_then(|name| name.strip_suffix(".credentials"));
        let is_old = entry.metadata()?.modified()? < before;
        if token.is_some_and(|token| is_token(token) && is_old && !is_waiting(token)) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn read(dirs: &Dirs, token: &str) -> Result<Credentials, HandoverError> {
    let gone = |why: &dyn std::fmt::Display| HandoverError::Gone(why.to_string());
    if !is_token(token) {
        return Err(gone(&"its name is not valid"));
    }
    let text = std::fs::read_to_string(path(dirs, token)).map_err(|e| gone(&e))?;
    // The parser's own message could quote the secret.
    let value: Value = serde_json::from_str(&text).map_err(|_| gone(&"the file is damaged"))?;
    let left = value.as_array().and_then(|list| list.iter().map(credential).collect());
    left.ok_or_else(|| gone(&"the file is damaged"))
}

fn credential(value: &Value) -> Option<Credential> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let form = serde_json::from_value(value.get("form")?.clone()).ok()?;
    Some(Credential {
        name: text("name")?,
        header: text("header")?,
        form,
        secret: Secret::new(text("secret")?),
    })
}

fn to_json(credentials: &Credentials) -> Value {
    let one = |Credential { name, header, form, secret }: &Credential| json!({"name": name, "header": header, "form": form, "secret": secret.expose()});
    credentials.iter().map(one).collect()
}

fn path(dirs: &Dirs, token: &str) -> PathBuf {
    dirs.runtime.join(format!("{token}.credentials"))
}

fn is_token(text: &str) -> bool {
    text.len() == TOKEN_LENGTH && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Scheme, host and port of an address, as written.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    format!("{scheme}://{host}").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn profile() -> Profile {
        Profile::of_url("https://a.example/x")
            .with_secret("client_id", SecretSource::Command("echo me".to_owned()))
            .with_secret("client_secret", SecretSource::Text(Secret::new("s3cret")))
    }

    #[test]
    fn what_is_left_is_there_until_the_run_has_ended_and_nobody_else_can_read_it() {
        let home = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(home.path());
        let token = prepare(&dirs, &profile()).expect("left").expect("a token");
        let mode =
            |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&dirs.runtime), mode(&path(&dirs, &token))), (0o700, 0o600));
        let request = RunRequest { handover: Some(token), ..RunRequest::default() };
        for _ in 0..2 {
            let credentials = collect(&dirs, &request).expect("read");
            assert_eq!(credentials.get("client_id"), Some(&Secret::new("me")));
            assert_eq!(credentials.get("client_secret"), Some(&Secret::new("s3cret")));
        }
        discard(&dirs, &request).expect("deleted");
        assert!(matches!(collect(&dirs, &request), Err(HandoverError::Gone(_))));
    }

    #[test]
    fn a_token_is_never_a_path() {
        let home = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(home.path());
        for token in ["../config/config", "", &"../".repeat(10)] {
            let request = RunRequest { handover: Some(token.to_owned()), ..RunRequest::default() };
            assert!(matches!(collect(&dirs, &request), Err(HandoverError::Gone(_))), "{token}");
        }
    }

    #[test]
    fn a_profile_that_the_runner_can_read_leaves_nothing_and_goes_to_its_own_server_only() {
        let home = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(home.path());
        let text =
            "[profiles.p]\nurl = \"https://a.example/x\"\nclient_id = \"me\"\nclient_secret = \"s3cret\"\n";
        private_dir(&dirs.config).expect("made");
        std::fs::write(dirs.config_file(), text).expect("written");
        let profile = Config::load(&dirs).expect("config").profile("p").expect("profile");
        assert!(matches!(prepare(&dirs, &profile), Ok(None)));
        let request =
            |url: &str| RunRequest { profile: "p".into(), url: url.into(), ..RunRequest::default() };
        let found = collect(&dirs, &request("https://A.example/y")).expect("credentials");
        assert_eq!(found.get("client_secret"), Some(&Secret::new("s3cret")));
        for url in ["https://b.example/x", "http://a.example/x", "https://a.example:444/x"] {
            assert!(matches!(collect(&dirs, &request(url)), Err(HandoverError::OtherServer(_))), "{url}");
        }
    }

    #[test]
    fn only_what_is_old_and_waited_for_by_nobody_is_swept() {
        let home = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(home.path());
        let leave = || prepare(&dirs, &profile()).expect("left").expect("a token");
        let (waiting, forgotten) = (leave(), leave());
        std::fs::write(dirs.runtime.join("runner.lock"), "").expect("written");
        let now = SystemTime::now();
        sweep(&dirs, now - Duration::from_secs(60), |_| false).expect("swept");
        assert!(path(&dirs, &forgotten).exists());
        sweep(&dirs, now + Duration::from_secs(60), |token| token == waiting).expect("swept");
        assert!(path(&dirs, &waiting).exists() && !path(&dirs, &forgotten).exists());
        assert!(dirs.runtime.join("runner.lock").exists());
    }
}
