//! `comfydeck doctor`: checks everything that a run needs without running anything, and says how
//! to fix what is wrong.

use std::io::IsTerminal;
use std::time::Duration;

use super::open::Destination;
use super::{Exit, Failure, dirs, out};
use crate::backend::net::reach::{Reached, reach};
use crate::backend::results::outputs::place::{self, Expected};
use crate::backend::{Checked, Server, for_protocol};
use crate::config::{Config, Credentials, Dirs, Profile};
use crate::domain::run::{Protocol, shown_url};
use crate::library::open;
use crate::library::presets::{Presets, WorkflowSource};
use crate::library::schemas::Schemas;
use crate::report::text;
use crate::runner;
use crate::store::{Repaired, Store};
use crate::wire::ansi::scrub_plain;

/// Time for a server to accept a connection.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// What to check; all profiles by default.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this place, instead of all profiles
    #[command(flatten)]
    pub place: Destination,
    /// Save what can be read of a damaged history into a new one; the damaged one is kept
    #[arg(long, conflicts_with_all = ["profile", "url"])]
    pub repair: bool,
}

/// The state of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    /// Works, but could be better.
    Fair,
    Bad,
}

/// Results of the checks, in order.
#[derive(Debug, Default)]
struct Findings {
    lines: Vec<(Health, &'static str, String)>,
}

impl Findings {
    fn add(&mut self, health: Health, what: &'static str, found: impl ToString) {
        self.lines.push((health, what, scrub_plain(&text::without_error_numbers(&found.to_string()))));
    }

    fn good(&mut self, what: &'static str, text: impl ToString) {
        self.add(Health::Good, what, text);
    }

    fn fair(&mut self, what: &'static str, text: impl ToString) {
        self.add(Health::Fair, what, text);
    }

    fn bad(&mut self, what: &'static str, text: impl ToString) {
        self.add(Health::Bad, what, text);
    }

    fn text(&self) -> String {
        let line = |(health, what, text): &(Health, &'static str, String)| {
            let (sign, word) = match health {
                Health::Good => ("✓", "ok"),
                Health::Fair => ("!", "note"),
                Health::Bad => ("✗", "wrong"),
            };
            format!("{sign} {word:<5}  {what:<11}  {text}\n")
        };
        self.lines.iter().map(line).collect()
    }

    fn exit(&self) -> Exit {
        let any_bad = self.lines.iter().any(|(health, ..)| *health == Health::Bad);
        if any_bad { Exit::Failed } else { Exit::Success }
    }
}

/// Checks and reports. Exit code 1 when something is wrong.
///
/// # Errors
/// When there is nothing to check, or stdout cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let dirs = dirs()?;
    if args.repair {
        return repair(&dirs);
    }
    let env = |name: &str| std::env::var(name).ok();
    let mut found = Findings::default();
    match Config::load(&dirs) {
        Err(e) => found.bad("config", e),
        Ok(config) => {
            look_at_config(&config, &mut found);
            look_at_presets(&dirs, &config, &mut found);
            for profile in profiles(&config, &args)? {
                look_at_profile(&dirs, &profile, &mut found);
            }
        }
    }
    look_at_store(&dirs, &mut found);
    look_at_terminal(env, std::io::stdout().is_terminal(), &mut found);
    out::print(&found.text())?;
    Ok(found.exit())
}

fn profiles(config: &Config, args: &Args) -> Result<Vec<Profile>, Failure> {
    if args.place.profile.is_some() || args.place.url.is_some() {
        let chosen = config.choose(args.place.profile.as_deref(), args.place.url.as_deref());
        return chosen.map(|profile| vec![profile]).map_err(Failure::usage);
    }
    Ok(config.profiles.values().cloned().collect())
}

fn look_at_config(config: &Config, found: &mut Findings) {
    let path = config.path.display();
    for warning in &config.warnings {
        found.fair("config", warning);
    }
    match config.profiles.len() {
        0 if !config.path.exists() => {
            found.fair("config", format!("{path} does not exist. Run `comfydeck init` to create it"));
        }
        0 => found.fair("config", format!("{path} has no usable profile. Run `comfydeck init` to add one")),
        1 => found.good("config", format!("{path}, 1 profile")),
        several => found.good("config", format!("{path}, {several} profiles")),
    }
}

fn look_at_presets(dirs: &Dirs, config: &Config, found: &mut Findings) {
    let Ok(working) = std::env::current_dir() else {
        return found.fair(
            "presets",
            "the working directory does not exist any more, so ./presets cannot be read. Change to another",
        );
    };
    let presets = Presets::new(dirs, &working);
    let listed = match presets.list() {
        Ok(listed) => listed,
        Err(e) => return found.bad("presets", e),
    };
    for preset in listed.iter().filter(|preset| preset.source.path().is_some()) {
        let target = open::OpenRequest { preset: Some(&preset.name), ..open::OpenRequest::default() };
        match open::open(config, &presets, &Schemas::new(dirs).converting(), &target) {
            Ok(opening) => {
                opening.diagnostics.iter().for_each(|diagnostic| found.fair("presets", diagnostic))
            }
            Err(e) => found.fair("presets", format!("{}: {e}", preset.name)),
        }
    }
    found.good("presets", format!("{} found", listed.len()));
}

fn look_at_profile(dirs: &Dirs, profile: &Profile, found: &mut Findings) {
    let name = if profile.name.is_empty() { String::new() } else { format!("{}: ", profile.name) };
    let credentials = profile.credentials();
    match &credentials {
        Err(e) => found.bad("credentials", e),
        Ok(credentials) => look_at_credentials(&name, profile.protocol, credentials, found),
    }
    match credentials {
        _ if !profile.protocol.caps().check => look_at_endpoint(&name, profile, found),
        Ok(credentials) => look_at_server(&name, profile, credentials, found),
        // Reported with the credentials.
        Err(_) => {}
    }
    let called = profile.called_url();
    if called.starts_with("http://") && !is_local(called) && !profile.secrets.is_empty() {
        let what = server_word(profile);
        found.fair(what, format!("{name}plain http sends the secrets unencrypted. Use https"));
    }
    if profile.trust.insecure {
        let text = "no certificate is checked (`insecure = true`): whoever is in between can read and change all. Better set `ca` to the server's certificate";
        found.fair(server_word(profile), format!("{name}{text}"));
    }
    look_at_outputs(dirs, &name, profile, found);
    if let Some(path) = &profile.workflow {
        match open::workflow(&WorkflowSource::File(path.clone())) {
            Ok(opened) => {
                let count =
                    opened.params.iter().filter(|p| p.is_editable() && p.presence.is_in_file()).count();
                found.good("workflow", format!("{name}{}, {count} parameters", path.display()));
            }
            Err(e) => found.bad("workflow", format!("{name}{e}")),
        }
    }
}

/// Tests a profile's output folder by writing to it.
fn look_at_outputs(dirs: &Dirs, name: &str, profile: &Profile, found: &mut Findings) {
    let dir = profile.outputs(dirs);
    match place::try_out(dir, Expected::default()) {
        Ok(free) => {
            let free = free.map_or_else(String::new, |free| format!(", {} free", text::bytes(free)));
            found.good("outputs", format!("{name}{} can be written{free}", dir.display()));
        }
        Err(e) => found
            .bad("outputs", format!("{name}{e}. Set `output_dir` to another folder, or put this one right")),
    }
}

fn look_at_credentials(name: &str, protocol: Protocol, credentials: &Credentials, found: &mut Findings) {
    let (there, missing): (Vec<_>, Vec<_>) =
        protocol.credentials().iter().map(|asked| asked.key).partition(|key| credentials.get(key).is_some());
    let own = credentials.iter().filter(|credential| credential.is_own());
    let there: Vec<&str> = there.into_iter().chain(own.map(|credential| credential.name.as_str())).collect();
    let are = if there.len() == 1 { "is" } else { "are" };
    let only = if protocol.caps().check { "" } else { "; only a run shows whether they are accepted" };
    let is_whole = missing.is_empty() || !protocol.needs_all_credentials();
    match there.as_slice() {
        // Missing ones that are required were reported as errors before.
        [] if protocol.needs_all_credentials() => found.good(
            "credentials",
            format!("{name}none are set; the profile says that none are needed, or they are optional"),
        ),
        [] if protocol == Protocol::V2 => found.good(
            "credentials",
            format!(
                "{name}no api_key is set; Comfy Cloud and deployments need one, a server of your own may not"
            ),
        ),
        [] => found.good("credentials", format!("{name}none are set; ComfyUI itself needs none")),
        there if is_whole => {
            found.good("credentials", format!("{name}{} {are} set{only}", there.join(" and ")))
        }
        _ => found.fair("credentials", format!("{name}{} is missing. Set it too", missing.join(" and "))),
    }
}

/// What the profile's runs are sent to, for messages.
fn server_word(profile: &Profile) -> &'static str {
    match profile.protocol {
        Protocol::Stream => "endpoint",
        Protocol::Cloud => "service",
        Protocol::Comfyui | Protocol::V2 => "server",
    }
}

/// Asks the server about what a run needs: nothing that starts a machine or costs money.
fn look_at_server(name: &str, profile: &Profile, credentials: Credentials, found: &mut Findings) {
    let what = server_word(profile);
    let server = Server::of(profile, credentials);
    let backend = for_protocol(profile.protocol);
    let checked = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(backend.check(server)),
        Err(e) => return found.bad(what, format!("{name}it cannot be checked: {e}")),
    };
    match checked {
        Err(error) => {
            let called = shown_url(profile.called_url());
            let sentence = format!("{}. {}", error.what.trim_end_matches('.'), error.remedy);
            found.bad(what, format!("{name}{called}: {sentence}"));
        }
        Ok(checked) => {
            for Checked { is_good, text } in checked {
                let health = if is_good { Health::Good } else { Health::Fair };
                found.add(health, what, format!("{name}{text}"));
            }
        }
    }
}

/// Connects to the endpoint, and asks nothing.
fn look_at_endpoint(name: &str, profile: &Profile, found: &mut Findings) {
    let reached = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(reach(&profile.url, &profile.trust, CONNECT_TIME)));
    match reached {
        Ok(Ok(reached)) => found.good("endpoint", format!("{name}{}", reached_text(&reached))),
        Ok(Err(error)) => {
            let sentence = format!("{}. {}", error.what.trim_end_matches('.'), error.remedy);
            found.bad("endpoint", format!("{name}{sentence}"));
        }
        Err(e) => found.bad("endpoint", format!("{name}it cannot be checked: {e}")),
    }
}

fn reached_text(reached: &Reached) -> String {
    let took = reached.took.as_millis();
    let Reached { shown, proxy, proxy_only, tls, .. } = reached;
    let tls = if *tls { ", TLS is good" } else { "" };
    match proxy {
        Some(proxy) if *proxy_only => {
            format!("the proxy {proxy} answers ({took} ms); only a run shows what is behind it")
        }
        Some(proxy) => {
            format!("{shown} answers through the proxy {proxy}{tls} ({took} ms); nothing was sent")
        }
        None => format!("{shown} answers{tls} ({took} ms); nothing was sent"),
    }
}

fn is_local(url: &str) -> bool {
    ["http://localhost", "http://127.", "http://[::1]"].iter().any(|local| url.starts_with(local))
}

fn look_at_store(dirs: &Dirs, found: &mut Findings) {
    let checked = Store::open(dirs).and_then(|store| store.check().map(|()| store));
    match checked {
        Ok(store) if store.is_read_only() => found.bad(
            "history",
            format!(
                "{} is read-only here, so nothing can be run. Make the folder writable, or set COMFYDECK_HOME to one that is",
                dirs.data.display()
            ),
        ),
        Ok(store) => {
            found.good("history", format!("{} can be written, and is not damaged", dirs.data.display()));
            if let Some(trouble) = store.disk_trouble() {
                found.bad("history", trouble);
            }
        }
        Err(e) => found.bad("history", e),
    }
}

/// Saves what can be read of the history into a new one.
fn repair(dirs: &Dirs) -> Result<Exit, Failure> {
    let Some(_alone) = runner::keep_away(dirs)? else {
        return Err(Failure::usage(
            "runs of this history are in flight. Wait until they have ended, then try again",
        ));
    };
    let Repaired { runs, lost, kept } = Store::repair(dirs)?;
    if runs == 0 && lost > 0 {
        out::print(&format!(
            "nothing of the old history could be read; it is kept as {}. Logs and outputs are where they were\n",
            kept.display()
        ))?;
        return Ok(Exit::Success);
    }
    let lost = match lost {
        0 => "nothing was lost".to_owned(),
        1 => "1 run could not be read completely".to_owned(),
        several => format!("{several} runs could not be read completely"),
    };
    out::print(&format!(
        "the new history has {runs} runs; {lost}. The old one is kept as {}\n",
        kept.display()
    ))?;
    Ok(Exit::Success)
}

fn look_at_terminal(env: impl Fn(&str) -> Option<String>, is_terminal: bool, found: &mut Findings) {
    let set = |name: &str| env(name).filter(|text| !text.is_empty());
    let term = set("TERM").unwrap_or_default();
    match term.as_str() {
        _ if !is_terminal => found.good("terminal", "the output is not a terminal; the dashboard needs one"),
        "" | "dumb" => found.bad(
            "terminal",
            "TERM names a terminal that cannot show the dashboard. Set it to yours, such as xterm-256color",
        ),
        term => {
            let colours = match set("COLORTERM").as_deref() {
                Some("truecolor" | "24bit") => "all colours",
                _ if term.contains("256color") => "256 colours",
                _ => "16 colours",
            };
            let colours = if set("NO_COLOR").is_some() { "no colours (NO_COLOR is set)" } else { colours };
            found.good("terminal", format!("{term}, {colours}"));
        }
    }
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
    let plain = locale.to_ascii_lowercase().replace('-', "");
    if !plain.contains("utf8") {
        let shown =
            if locale.is_empty() { "no locale is set".to_owned() } else { format!("the locale is {locale}") };
        found.fair(
            "terminal",
            format!("{shown}; symbols may look wrong. Set LC_ALL to a UTF-8 one, such as C.UTF-8"),
        );
    }
    if set("TMUX").is_some() || term.starts_with("screen") || term.starts_with("tmux") {
        found.good("terminal", "inside a multiplexer; Esc may lag (tmux: set -sg escape-time 10)");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(set: &[(&str, &str)]) -> (Exit, String) {
        let mut found = Findings::default();
        let env = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        look_at_terminal(env, true, &mut found);
        (found.exit(), found.text())
    }

    #[test]
    fn problems_of_the_terminal_come_with_remedies() {
        let good = terminal(&[("TERM", "xterm-256color"), ("LANG", "en_US.UTF-8")]);
        assert_eq!(good, (Exit::Success, "✓ ok     terminal     xterm-256color, 256 colours\n".to_owned()));
        let (exit, text) = terminal(&[("TERM", "dumb"), ("LC_ALL", "C")]);
        assert_eq!(exit, Exit::Failed);
        assert!(
            text.contains("✗ wrong  terminal") && text.contains("! note   terminal     the locale is C"),
            "{text}"
        );
        let (_, text) = terminal(&[("TERM", "tmux-256color"), ("NO_COLOR", "1"), ("LC_ALL", "C.utf8")]);
        assert!(text.contains("no colours (NO_COLOR is set)") && text.contains("escape-time"), "{text}");
    }
}
