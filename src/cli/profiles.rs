//! `comfydeck profiles list`: lists the profiles of `config.toml`.

use serde_json::{Value, json};

use super::console::Console;
use super::{Exit, Failure, out};
use crate::config::{Config, Dirs, Profile};
use crate::domain::run::shown_url;
use crate::report::table::{Column, Tone, cell, table};
use crate::wire::ansi::scrub_plain;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the profiles of config.toml
    List {
        /// One JSON object a line: name, default, protocol, url, api_url, concurrency, workflow, output_dir
        #[arg(long)]
        json: bool,
    },
}

/// Lists profiles, without looking up their secrets.
///
/// # Errors
/// When the config cannot be read, or stdout cannot be written.
pub fn main(args: &Args) -> Result<Exit, Failure> {
    let What::List { json } = args.what;
    let dirs = super::dirs()?;
    let config = Config::load(&dirs).map_err(Failure::usage)?;
    out::warn(&config.warnings);
    let chosen = config.choose(None, None).ok();
    let is_default = |profile: &Profile| chosen.as_ref().is_some_and(|chosen| chosen.name == profile.name);
    let profiles = config.profiles.values();
    let text: String = if json {
        profiles.map(|profile| format!("{}\n", as_json(&dirs, profile, is_default(profile)))).collect()
    } else {
        let rows = profiles.map(|profile| {
            let mark = if is_default(profile) { "default" } else { "" };
            [
                cell(scrub_plain(&profile.name), Tone::Strong),
                cell(profile.protocol.word(), Tone::Plain),
                cell(scrub_plain(shown_url(&profile.url)), Tone::Plain),
                cell(mark, Tone::Quiet),
            ]
        });
        let heads = ["NAME", "PROTOCOL", "ADDRESS", ""].map(Column::left);
        table(heads, &rows.collect::<Vec<_>>(), Console::stdout().paper())
    };
    if text.is_empty() {
        out::note("no profiles yet; `comfydeck init` makes one");
    }
    out::print(&text)?;
    Ok(Exit::Success)
}

fn as_json(dirs: &Dirs, profile: &Profile, is_default: bool) -> Value {
    json!({
        "name": profile.name,
        "default": is_default,
        "protocol": profile.protocol.word(),
        "url": shown_url(&profile.url),
        "api_url": profile.api_url.as_deref().map(shown_url),
        "concurrency": profile.concurrency,
        "workflow": profile.workflow.as_ref().map(|path| path.to_string_lossy()),
        "output_dir": profile.outputs(dirs).to_string_lossy(),
    })
}
