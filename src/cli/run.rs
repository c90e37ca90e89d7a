//! `comfydeck run [PRESET]`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::follow::Interrupts;
use super::run_output::{self, OutputMode};
use super::{Exit, Failure, out};
use crate::config::{Config, Dirs, Profile};
use crate::domain::diagnostic::nearest;
use crate::domain::draft::{Named, Submission, Unnamed};
use crate::domain::pasted::{self, Pasted};
use crate::domain::{Diagnostic, Draft, ParamKey, ParamKind, Parameter, RunId, Said, Setting, value};
use crate::library::open::{self, Opening};
use crate::library::presets::Presets;
use crate::runner::{self, IfSame, NewRun};
use crate::store::Store;

/// What to run, where, and how to tell.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A preset's name, or the path of one
    pub preset: Option<String>,
    /// The workflow_api.json, instead of the preset's
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<PathBuf>,
    /// A profile of config.toml
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub profile: Option<String>,
    /// An endpoint's address; credentials come from VIEWCOMFY_CLIENT_ID and VIEWCOMFY_CLIENT_SECRET
    #[arg(long)]
    pub url: Option<String>,
    /// Set a parameter, by its key or alias
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Upload a file for a parameter
    #[arg(long, value_name = "KEY=PATH", value_parser = pair)]
    pub file: Vec<(String, String)>,
    /// A workflow_api.json that is sent along and replaces the deployment's own
    #[arg(long, value_name = "FILE", conflicts_with = "workflow")]
    pub override_workflow: Option<PathBuf>,
    /// Send what is left of a preset that is not understood whole
    #[arg(long)]
    pub lenient: bool,
    /// Do not ask the server for its log
    #[arg(long)]
    pub no_logs: bool,
    /// Print the run's number and leave; the run goes on
    #[arg(long)]
    pub detach: bool,
    /// Folder for the outputs
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// Queues a run and follows it to its end.
///
/// # Errors
/// A sentence that says why the run was not queued, failed, was cancelled or lost.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let dirs = super::dirs()?;
    let working = std::env::current_dir()
        .map_err(|e| Failure::usage(format!("the working directory cannot be read: {e}")))?;
    let mut prepared = prepare(&args, &dirs, &working)?;
    let store = Store::open(&dirs)?;
    prepared.go_on(&store)?;
    let submission = prepared.draft.submission().map_err(Failure::usage)?;
    // From here on Ctrl+C is for the run.
    let interrupts = if args.detach { None } else { Some(Interrupts::take()?) };
    let id = submit(&args, &dirs, &store, &prepared, &submission)?;
    let manner = OutputMode { json: args.json, detach: args.detach };
    run_output::queued_run(&dirs, &store, id, manner, interrupts).map_err(Failure::after_sending)
}

fn submit(
    args: &Args,
    dirs: &Dirs,
    store: &Store,
    prepared: &Prepared,
    submission: &Submission,
) -> Result<RunId, Failure> {
    let Prepared { opening, profile, draft } = prepared;
    let output_dir = args.output.as_deref().or(profile.output_dir.as_deref());
    let order = NewRun {
        profile,
        workflow: &opening.workflow.workflow,
        workflow_name: &opening.workflow.source.name(),
        preset: opening.preset.as_ref().map(|preset| preset.name.as_str()),
        submission,
        prompt: &draft.prompt(),
        send_workflow: args.override_workflow.is_some(),
        logs: !args.no_logs,
        output_dir: output_dir.unwrap_or(Path::new(".")),
        if_same: IfSame::Warn,
    };
    let id = runner::enqueue(store, dirs, &order)?;
    runner::ensure(dirs)
        .map_err(|error| Failure::new(Exit::Lost, format!("run {id} is queued, but not started: {error}")))?;
    Ok(id)
}

/// What the arguments come to.
struct Prepared {
    opening: Opening,
    profile: Profile,
    draft: Draft,
}

impl Prepared {
    /// Gives seeds the values that are theirs in this run: increments go on from the last run of the same preset and
    /// workflow.
    fn go_on(&mut self, store: &Store) -> Result<(), Failure> {
        let preset = self.opening.preset.as_ref().map(|preset| preset.name.as_str());
        let workflow = self.opening.workflow.workflow.hash();
        let seeds: Vec<ParamKey> = self.draft.moved_seeds().cloned().collect();
        self.draft.go_on_from(store.last_numbers(&seeds, preset, workflow)?);
        self.draft.draw(|| fastrand::u64(..));
        Ok(())
    }
}

/// Everything that can be wrong with the arguments is found here, before anything is queued.
fn prepare(args: &Args, dirs: &Dirs, working: &Path) -> Result<Prepared, Failure> {
    let config = Config::load(dirs).map_err(Failure::usage)?;
    warn(&config.warnings);
    let target = open::OpenRequest {
        preset: args.preset.as_deref(),
        workflow: args.override_workflow.as_deref().or(args.workflow.as_deref()),
        profile: args.profile.as_deref(),
        url: args.url.as_deref(),
    };
    let mut opening = open::open(&config, &Presets::new(dirs, working), &target).map_err(Failure::usage)?;
    warn(&opening.diagnostics);
    opening.workflow.notes().for_each(out::note);
    if let Some(why) = opening.workflow.unrunnable() {
        return Err(Failure::usage(format!("{}: {why}", opening.workflow.source.shown())));
    }
    let unsure = opening.unsure().count();
    if unsure > 0 && !args.lenient {
        let things = if unsure == 1 { "a line".to_owned() } else { format!("{unsure} lines") };
        return Err(Failure::usage(format!(
            "nothing was sent: {things} of the preset could not be understood (above). Fix that, or send what is left with --lenient"
        )));
    }
    let profile = match opening.profile {
        Ok(ref profile) => profile.clone(),
        Err(error) => return Err(Failure::usage(error)),
    };
    let params = std::mem::take(&mut opening.workflow.params);
    let mut draft = Draft::new(params, std::mem::take(&mut opening.layer));
    let shown = opening.workflow.source.shown();
    for (name, text) in &args.set {
        let Named { key, field } = known(&draft, name, &shown)?;
        let Some(parameter) = draft.param(&key) else { continue };
        let value = match (&field, draft.setting(&key)) {
            (Some(field), Some(Setting::Value(now))) => value::with_field(&now, field, text),
            _ => value::read(parameter, text),
        };
        let value = value.map_err(|why| Failure::usage(format!("--set {name}: {why}")))?;
        if let Some(why) = value::out_of_range(parameter, &value) {
            out::note(format!("warning: --set {name}: {why}. It is sent anyway"));
        }
        if let Some(path) = local_path(parameter, &value, working) {
            out::note(format!(
                "warning: --set {name}: {} is a file of this machine, and its path is sent as a text. --file {name}=… uploads it",
                path.display()
            ));
        }
        draft.say([(key, Setting::Value(value))], Said::Option);
    }
    for (name, path) in &args.file {
        let key = known(&draft, name, &shown)?.key;
        let path = file(name, path, working)?;
        draft.say([(key, Setting::File(path))], Said::Option);
    }
    Ok(Prepared { opening, profile, draft })
}

/// What a name means; the error names the nearest, or what it may mean.
fn known(draft: &Draft, name: &str, workflow: &str) -> Result<Named, Failure> {
    match draft.named(name) {
        Ok(named) => Ok(named),
        Err(Unnamed::Ambiguous(candidates)) => {
            let told = candidates.iter().map(|key| match draft.param(key) {
                Some(parameter) => format!("`{key}` ({})", parameter.group),
                None => format!("`{key}`"),
            });
            let told = told.collect::<Vec<_>>().join(", ");
            Err(Failure::usage(format!("`{name}` may be any of {told} in {workflow}. Say which, by its key")))
        }
        Err(Unnamed::Unknown) => Err(Failure::usage(unknown(draft, name, workflow))),
    }
}

fn unknown(draft: &Draft, name: &str, workflow: &str) -> String {
    let editable = || draft.params().iter().filter(|parameter| parameter.is_editable());
    let keys = editable().map(|parameter| parameter.key.as_str());
    let names = draft.preset().aliases.keys().map(String::as_str).chain(draft.default_aliases()).chain(keys);
    let near = nearest(name, names).map(str::to_owned).or_else(|| {
        // The bare name of an input, as people know it from ComfyUI.
        editable().find(|parameter| parameter.key.input() == name).map(|parameter| parameter.key.to_string())
    });
    let near = match near {
        Some(near) => format!("Did you mean `{near}`?"),
        None => format!("`comfydeck flatten {workflow}` shows its keys"),
    };
    format!("there is no parameter `{name}` in {workflow}. {near}")
}

/// The file of this machine that a text names, when there is one.
fn local_path(parameter: &Parameter, value: &Value, working: &Path) -> Option<PathBuf> {
    let takes = matches!(parameter.kind, ParamKind::Text | ParamKind::LongText | ParamKind::File(_));
    match pasted::read(value.as_str().filter(|_| takes)?) {
        Pasted::Path(path) => Some(crate::config::dirs::expand(&path, working)).filter(|path| path.is_file()),
        Pasted::OnServer(_) | Pasted::Url(_) | Pasted::Text(_) => None,
    }
}

/// A file to upload, which must be there. It may be written as terminals and file managers write dragged files.
fn file(name: &str, path: &str, working: &Path) -> Result<PathBuf, Failure> {
    let plain = crate::config::dirs::expand(path, working);
    let path = match pasted::read(path) {
        Pasted::Path(path) if !plain.exists() => crate::config::dirs::expand(&path, working),
        _ => plain,
    };
    let is_file = std::fs::metadata(&path)
        .map_err(|e| Failure::usage(format!("--file {name}: {} cannot be read: {e}", path.display())))?
        .is_file();
    if is_file {
        Ok(path)
    } else {
        Err(Failure::usage(format!("--file {name}: {} is not a file", path.display())))
    }
}

pub(super) fn warn(found: &[Diagnostic]) {
    for diagnostic in found {
        out::note(format!("warning: {diagnostic}"));
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}
