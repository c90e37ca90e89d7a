//! `comfydeck init`: sets up a profile, by questions on a terminal or by options from a script.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use super::hidden::Hidden;
use super::{Exit, Failure, dirs, out, words};
use crate::config::write::put_profile;
use crate::config::{Config, Dirs, Profile, Secret, SecretSource, check_url};
use crate::domain::run::Protocol;

/// What is known already; the rest is asked for on a terminal.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The profile's name
    #[arg(short, long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The endpoint's address
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

/// The name of a profile that nobody named.
const NAME: &str = "default";

/// Writes the profile.
///
/// # Errors
/// When something is missing and there is nobody to ask, or the file cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let dirs = dirs()?;
    let config = Config::load(&dirs).map_err(Failure::usage)?;
    let given_id = given(&args.client_id_env, &args.client_id_file, &args.client_id_command)?;
    let given_secret = given(&args.client_secret_env, &args.client_secret_file, &args.client_secret_command)?;
    let asks = args.url.is_none();
    if asks && !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let what = "this is not a terminal, so nothing can be asked. Pass at least --url ADDRESS (see `comfydeck init --help`)";
        return Err(Failure::usage(what));
    }
    let name = match args.profile {
        Some(name) => name,
        None if asks => ask("Name of the profile", NAME)?,
        None => NAME.to_owned(),
    };
    if name.trim().is_empty() {
        return Err(Failure::usage("a profile needs a name"));
    }
    if config.profiles.contains_key(&name) && !args.force {
        let question = format!("There is a profile `{name}` already. Replace it? (yes/no)");
        if !asks || ask(&question, "no")? != "yes" {
            let path = config.path.display();
            return Err(Failure::usage(format!(
                "the profile `{name}` in {path} stays as it is. --force replaces it"
            )));
        }
    }
    let protocol = match args.protocol {
        Some(protocol) => protocol,
        None if asks => ask_protocol()?,
        None => Protocol::default(),
    };
    let api_url = match args.api_url {
        Some(_) if protocol.usual_api_url().is_none() => {
            let word = protocol.word();
            return Err(Failure::usage(format!("--api-url goes with protocol `cloud`; this is `{word}`")));
        }
        Some(url) => Some(check_url(&url).map(|()| url).map_err(Failure::usage)?),
        None => protocol.usual_api_url().map(str::to_owned),
    };
    let url = match args.url {
        Some(url) => check_url(&url).map(|()| url).map_err(Failure::usage)?,
        None => ask_url()?,
    };
    let hidden = if asks && !args.without_credentials { Some(Hidden::new()?) } else { None };
    let secret = |name, given: Option<SecretSource>| match (given, &hidden) {
        (None, Some(hidden)) => ask_secret(name, hidden),
        (given, _) => Ok(given),
    };
    let secrets = [
        ("client_id", secret("client_id", given_id)?),
        ("client_secret", secret("client_secret", given_secret)?),
    ];
    let given: Vec<_> = secrets.into_iter().filter_map(|(key, source)| Some((key, source?))).collect();
    let without_credentials = args.without_credentials || (asks && given.is_empty());
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
    let profile = given.into_iter().fold(profile, |profile, (key, source)| profile.with_secret(key, source));
    let outputs = profile.outputs(&dirs).display().to_string();
    put_profile(&dirs, &profile, args.default).map_err(|e| Failure::new(Exit::Failed, e))?;
    out::print(&format!("{}\n", dirs.config_file().display()))?;
    if io::stderr().is_terminal() {
        out::note(format!("Saved. Outputs of runs go to {outputs}."));
        out::note("`comfydeck doctor` checks it, `comfydeck` opens the dashboard.");
    }
    Ok(Exit::Success)
}

fn given(
    env: &Option<String>,
    file: &Option<PathBuf>,
    command: &Option<String>,
) -> Result<Option<SecretSource>, Failure> {
    let env = env.clone().map(|name| SecretSource::Env { name, optional: false });
    let file = file.clone().map(absolute).transpose()?.map(SecretSource::File);
    Ok(env.or(file).or(command.clone().map(SecretSource::Command)))
}

/// A path of the command line starts at the working directory; in the config it would start elsewhere.
fn absolute(path: PathBuf) -> Result<PathBuf, Failure> {
    std::path::absolute(&path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}

/// Asks a question; an empty answer is the default.
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

fn ask_protocol() -> Result<Protocol, Failure> {
    out::note("How are runs sent?");
    out::note("  1  through ViewComfy's cloud API: runs can be stopped, and found again after a crash here");
    out::note("  2  straight to the deployment, the older way");
    loop {
        match ask("1 or 2", "1")?.as_str() {
            "1" => return Ok(Protocol::Cloud),
            "2" => return Ok(Protocol::Stream),
            _ => out::note("That is neither 1 nor 2."),
        }
    }
}

fn ask_url() -> Result<String, Failure> {
    loop {
        let url = ask("Address of the endpoint (https://…)", "")?;
        match check_url(&url) {
            Ok(()) => return Ok(url),
            Err(why) => out::note(why),
        }
    }
}

/// `None` for the usual folder.
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
            None => out::note("That is empty, or no number from 1 to 5."),
        }
    }
}
