//! `comfydeck init`: sets up a profile, by questions on a terminal or by options from a script.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use super::hidden::Hidden;
use super::{Exit, Failure, dirs, out, words};
use crate::backend::{Server, for_protocol};
use crate::config::write::put_profile;
use crate::config::{Config, Dirs, Profile, Secret, SecretSource, check_url};
use crate::domain::run::Protocol;
use crate::wire::ansi::scrub_plain;

/// Answers given as options; the others are asked for on a terminal.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the profile
    #[arg(short, long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The address of the endpoint
    #[arg(short, long, value_name = "ADDRESS")]
    pub url: Option<String>,
    /// How runs are sent
    #[arg(long, value_name = "WORD", value_parser = words::protocol())]
    pub protocol: Option<Protocol>,
    /// The cloud API's address, when it is not the usual one
    #[arg(long, value_name = "URL")]
    pub api_url: Option<String>,
    /// Environment variable that holds the client id
    #[arg(long, value_name = "NAME", group = "client_id")]
    pub client_id_env: Option<String>,
    /// File whose first line is the client id
    #[arg(long, value_name = "FILE", group = "client_id")]
    pub client_id_file: Option<PathBuf>,
    /// Shell command that prints the client id
    #[arg(long, value_name = "COMMAND", group = "client_id")]
    pub client_id_command: Option<String>,
    /// Environment variable that holds the client secret
    #[arg(long, value_name = "NAME", group = "client_secret")]
    pub client_secret_env: Option<String>,
    /// File whose first line is the client secret
    #[arg(long, value_name = "FILE", group = "client_secret")]
    pub client_secret_file: Option<PathBuf>,
    /// Shell command that prints the client secret
    #[arg(long, value_name = "COMMAND", group = "client_secret")]
    pub client_secret_command: Option<String>,
    /// Folder for the outputs of its runs, instead of ~/comfydeck
    #[arg(short, long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// The endpoint needs no credentials
    #[arg(long, conflicts_with_all = ["client_id", "client_secret"])]
    pub without_credentials: bool,
    /// Environment variable that holds a secret: KEY is what the protocol asks for, such as `password` (as user:password) or `token`
    /// of protocol `comfyui`, `api_key` of `v2`
    #[arg(long, value_name = "KEY=NAME")]
    pub secret_env: Vec<String>,
    /// File whose first line is a secret
    #[arg(long, value_name = "KEY=FILE")]
    pub secret_file: Vec<String>,
    /// Shell command that prints a secret
    #[arg(long, value_name = "KEY=COMMAND")]
    pub secret_command: Vec<String>,
    /// The workflow to open when none is named
    #[arg(short, long, value_name = "FILE")]
    pub workflow: Option<PathBuf>,
    /// Make it the default profile even if there is another
    #[arg(long)]
    pub default: bool,
    /// Replace a profile of this name without asking
    #[arg(long)]
    pub force: bool,
}

/// ComfyUI's default address.
const LOCAL_COMFYUI: &str = "http://localhost:8188";

/// Comfy Cloud's address.
const COMFY_CLOUD: &str = "https://cloud.comfy.org";

/// Time for a local ComfyUI to answer.
const NEAR_TIME: Duration = Duration::from_secs(2);

/// The name of a profile without one.
const NAME: &str = "default";

/// Creates the profile.
///
/// # Errors
/// When a value is missing and there is no terminal to ask on, or the file cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let dirs = dirs()?;
    let config = Config::load(&dirs).map_err(Failure::usage)?;
    let mut given = given(&args)?;
    let asks = args.url.is_none();
    if asks && !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let what = "this is not a terminal, so nothing can be asked. Pass at least --url ADDRESS (see `comfydeck init --help`)";
        return Err(Failure::usage(what));
    }
    let name = free_name(args.profile, args.force, asks, &config)?;
    let near = if asks && args.protocol.is_none_or(|protocol| protocol == Protocol::Comfyui) {
        comfyui_near()
    } else {
        None
    };
    let protocol = match args.protocol {
        Some(protocol) => protocol,
        None if asks => ask_protocol(near.as_deref())?,
        None => Protocol::default(),
    };
    if let Some((key, _)) = given.iter().find(|(key, _)| !is_asked(protocol, key)) {
        let word = protocol.word();
        return Err(Failure::usage(format!("protocol `{word}` does not use {key}")));
    }
    let api_url = api_url(args.api_url, protocol)?;
    let url = match args.url {
        Some(url) => check_url(&url).map(|()| url).map_err(Failure::usage)?,
        None if protocol == Protocol::Comfyui => {
            ask_url("Address at which ComfyUI opens in a browser", LOCAL_COMFYUI)?
        }
        None if protocol == Protocol::V2 => ask_url(
            "Address of Comfy Cloud, of a deployment (https://ID.run.comfy.app) or of comfy-api-proxy (http://localhost:8189)",
            COMFY_CLOUD,
        )?,
        None => ask_url("Address of the endpoint (https://…)", "")?,
    };
    if asks && !args.without_credentials {
        let hidden = Hidden::new()?;
        for asked in ask_which(protocol)? {
            if !given.iter().any(|(key, _)| key == asked) {
                given.extend(ask_secret(asked, &hidden)?.map(|source| (asked.to_owned(), source)));
            }
        }
    }
    let is_bare = protocol.needs_all_credentials() && asks && given.is_empty();
    let without_credentials = args.without_credentials || is_bare;
    let output_dir = match args.output_dir {
        Some(folder) => Some(absolute(folder)?),
        None if asks => ask_outputs(&dirs)?,
        None => None,
    };
    let workflow = args.workflow.map(absolute).transpose()?;
    let profile = Profile {
        name,
        protocol,
        api_url,
        secrets: Vec::new(),
        without_credentials,
        workflow,
        output_dir,
        ..Profile::of_url(&url)
    };
    let profile = given.into_iter().fold(profile, |profile, (key, source)| profile.with_secret(&key, source));
    let outputs = profile.outputs(&dirs).display().to_string();
    put_profile(&dirs, &profile, args.default).map_err(|e| Failure::new(Exit::Failed, e))?;
    out::print(&format!("{}\n", dirs.config_file().display()))?;
    if io::stderr().is_terminal() {
        out::note(format!("Saved. Outputs of runs go to {outputs}."));
        out::note("`comfydeck doctor` checks it, `comfydeck` opens the dashboard.");
    }
    Ok(Exit::Success)
}

/// The name of the profile, which must not be another's unless that is to be replaced.
fn free_name(given: Option<String>, force: bool, asks: bool, config: &Config) -> Result<String, Failure> {
    let name = match given {
        Some(name) => name,
        None if asks => ask("Name of the profile", NAME)?,
        None => NAME.to_owned(),
    };
    if name.trim().is_empty() {
        return Err(Failure::usage("a profile needs a name"));
    }
    if config.profiles.contains_key(&name) && !force {
        let question = format!("There is a profile `{name}` already. Replace it? (yes/no)");
        if !asks || ask(&question, "no")? != "yes" {
            let path = config.path.display();
            return Err(Failure::usage(format!(
                "the profile `{name}` in {path} stays as it is. --force replaces it"
            )));
        }
    }
    Ok(name)
}

/// The address of the service in front of the endpoint, for protocols with one.
fn api_url(given: Option<String>, protocol: Protocol) -> Result<Option<String>, Failure> {
    match given {
        Some(_) if protocol.usual_api_url().is_none() => {
            let word = protocol.word();
            Err(Failure::usage(format!("--api-url goes with protocol `cloud`; this is `{word}`")))
        }
        Some(url) => check_url(&url).map(|()| Some(url)).map_err(Failure::usage),
        None => Ok(protocol.usual_api_url().map(str::to_owned)),
    }
}

/// Sources of secrets given as options, by their keys.
fn given(args: &Args) -> Result<Vec<(String, SecretSource)>, Failure> {
    let env = |name: &String| SecretSource::Env { name: name.clone(), optional: false };
    let command = |command: &String| SecretSource::Command(command.clone());
    let mut given = Vec::new();
    for (key, name, path, line) in [
        ("client_id", &args.client_id_env, &args.client_id_file, &args.client_id_command),
        ("client_secret", &args.client_secret_env, &args.client_secret_file, &args.client_secret_command),
    ] {
        let file = path.clone().map(absolute).transpose()?.map(SecretSource::File);
        let source = name.as_ref().map(env).or(file).or(line.as_ref().map(command));
        given.extend(source.map(|source| (key.to_owned(), source)));
    }
    let pair = |text: &String| match text.split_once('=') {
        Some((key, rest)) if !key.is_empty() && !rest.is_empty() => Ok((key.to_owned(), rest.to_owned())),
        _ => Err(Failure::usage(format!("`{text}` should be KEY=PLACE, such as token=COMFY_TOKEN"))),
    };
    for text in &args.secret_env {
        let (key, name) = pair(text)?;
        given.push((key, env(&name)));
    }
    for text in &args.secret_file {
        let (key, path) = pair(text)?;
        given.push((key, SecretSource::File(absolute(path.into())?)));
    }
    for text in &args.secret_command {
        let (key, line) = pair(text)?;
        given.push((key, command(&line)));
    }
    Ok(given)
}

fn is_asked(protocol: Protocol, key: &str) -> bool {
    protocol.credentials().iter().any(|asked| asked.key == key)
}

/// Keys of the secrets to ask for: all, or for ComfyUI the one that a proxy in front of it needs. Only protocols that
/// take several leave a choice.
fn ask_which(protocol: Protocol) -> Result<Vec<&'static str>, Failure> {
    let keys = protocol.credentials().iter().map(|asked| asked.key);
    if protocol.needs_all_credentials() || protocol.credentials().len() == 1 {
        return Ok(keys.collect());
    }
    out::note("Does a proxy in front of the server require a login?");
    out::note("  1  no\n  2  yes, user and password, given as user:password\n  3  yes, a bearer token");
    loop {
        match ask("1 to 3", "1")?.as_str() {
            "1" => return Ok(Vec::new()),
            "2" => return Ok(vec!["password"]),
            "3" => return Ok(vec!["token"]),
            _ => out::note("Please enter a number from 1 to 3."),
        }
    }
}

/// The version of a ComfyUI on this machine, if there is one.
fn comfyui_near() -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let server = Server { url: LOCAL_COMFYUI.to_owned(), ..Server::default() };
    let system = runtime.block_on(async {
        tokio::time::timeout(NEAR_TIME, for_protocol(Protocol::Comfyui).system(server)).await
    });
    Some(scrub_plain(&system.ok()?.ok()?.version))
}

/// Makes a path absolute: options are relative to the working directory, paths in the config are not.
fn absolute(path: PathBuf) -> Result<PathBuf, Failure> {
    std::path::absolute(&path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}

/// Asks a question; an empty answer gives the default.
fn ask(question: &str, default: &str) -> Result<String, Failure> {
    let hint = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    out::ask(&format!("{question}{hint}: "));
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        return Err(Failure::new(Exit::Cancelled, "no answer; nothing was written"));
    }
    let answer = answer.trim();
    Ok(if answer.is_empty() { default } else { answer }.to_owned())
}

fn ask_protocol(near: Option<&str>) -> Result<Protocol, Failure> {
    let found = near.map(|version| format!(" (version {version} runs on this machine)")).unwrap_or_default();
    out::note("How are runs sent?");
    out::note("  1  through ViewComfy's cloud API: runs can be stopped, and found again after a crash here");
    out::note("  2  straight to a ViewComfy deployment, the older way");
    out::note(format!("  3  to ComfyUI{found}"));
    out::note("  4  over Comfy API v2: to Comfy Cloud, to a Comfy API deployment, or to comfy-api-proxy");
    loop {
        match ask("1 to 4", if near.is_some() { "3" } else { "1" })?.as_str() {
            "1" => return Ok(Protocol::Cloud),
            "2" => return Ok(Protocol::Stream),
            "3" => return Ok(Protocol::Comfyui),
            "4" => return Ok(Protocol::V2),
            _ => out::note("Please enter a number from 1 to 4."),
        }
    }
}

fn ask_url(question: &str, usual: &str) -> Result<String, Failure> {
    loop {
        let url = ask(question, usual)?;
        match check_url(&url) {
            Ok(()) => return Ok(url),
            Err(why) => out::note(why),
        }
    }
}

/// `None` for the default folder.
fn ask_outputs(dirs: &Dirs) -> Result<Option<PathBuf>, Failure> {
    let usual = dirs.outputs.display().to_string();
    let folder = ask("Folder for the outputs of runs", &usual)?;
    let working = std::env::current_dir()?;
    Ok((folder != usual).then(|| crate::config::dirs::expand(&folder, &working)))
}

fn ask_secret(name: &str, hidden: &Hidden) -> Result<Option<SecretSource>, Failure> {
    out::note(format!("Where does {name} come from?"));
    out::note("  1  typed here, kept in the config file, which only you can read");
    out::note("  2  an environment variable\n  3  a file\n  4  a command, such as `pass show viewcomfy`");
    out::note("  5  nowhere: the endpoint needs none");
    loop {
        let source = match ask("1 to 5", "1")?.as_str() {
            "1" => {
                let secret = hidden.ask(&format!("{name} (not shown): "))?;
                (!secret.is_empty()).then(|| SecretSource::Text(Secret::new(secret)))
            }
            "2" => {
                let name = ask("Name of the variable", &format!("VIEWCOMFY_{}", name.to_ascii_uppercase()))?;
                Some(SecretSource::Env { name, optional: false })
            }
            "3" => {
                let path = ask("Path of the file", "")?;
                let home = std::env::current_dir()?;
                (!path.is_empty()).then(|| SecretSource::File(crate::config::dirs::expand(&path, &home)))
            }
            "4" => {
                let command = ask("Command", "")?;
                (!command.is_empty()).then_some(SecretSource::Command(command))
            }
            "5" => return Ok(None),
            _ => None,
        };
        match source {
            Some(source) => return Ok(Some(source)),
            None => out::note("Please enter a number from 1 to 5, and no empty answer."),
        }
    }
}
