//! `comfydeck run [PRESET]`: queues a run and follows it to its end.

use std::path::{Path, PathBuf};

use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use serde_json::Value;

use super::batch_args::BatchArgs;
use super::follow::Interrupts;
use super::names::known;
use super::open::Open;
use super::pairs::{Pair, Texts};
use super::run_output::{self, OutputMode};
use super::run_watch::{self, Watching};
use super::{Exit, Failure, complete, out, run_batch};
use crate::config::{Config, Dirs, Profile};
use crate::domain::batch::{self, Plan};
use crate::domain::draft::{Named, Unnamed};
use crate::domain::pasted::{self, Pasted};
use crate::domain::{
    Diagnostic, Doubt, Draft, ParamKey, ParamKind, Parameter, RunId, Said, Setting, Shape, value,
};
use crate::library::open::{self, Opening};
use crate::library::presets::{Presets, WorkflowSource};
use crate::library::schemas::{SchemaOrigin, Schemas};
use crate::library::wildcards::WildcardFiles;
use crate::report::{human, json};
use crate::runner::{self, IfSame, NewRun};
use crate::store::Store;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A preset's name, or the path of one; the same as --preset
    #[arg(value_name = "PRESET", conflicts_with = "preset", add = ArgValueCandidates::new(complete::presets))]
    pub name: Option<String>,
    #[command(flatten)]
    pub open: Open,
    /// Set a parameter, by its key or alias: @FILE sends what is in a file, - what comes on standard input
    #[arg(long, value_name = "KEY=VALUE", value_parser = Pair::parse, allow_hyphen_values = true, add = ArgValueCompleter::new(complete::settings))]
    pub set: Vec<Pair>,
    /// Upload a file for a parameter
    #[arg(long, value_name = "KEY=PATH", value_parser = Pair::parse, add = ArgValueCompleter::new(complete::files))]
    pub file: Vec<Pair>,
    /// The seed, where the workflow has one
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<String>,
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Send the workflow along; it replaces the deployment's own
    #[arg(long)]
    pub send_workflow: bool,
    /// The same as --workflow FILE --send-workflow
    #[arg(long, value_name = "FILE", conflicts_with = "workflow")]
    pub override_workflow: Option<PathBuf>,
    /// Send what is left of a preset that is not understood whole, placeholders such as {{STEPS}} as written, and values
    /// that the server does not take
    #[arg(long)]
    pub lenient: bool,
    /// Send {a|b}, __wildcard__ and ${variable} as they are written
    #[arg(long)]
    pub no_expand: bool,
    /// Show what would be sent, secrets hidden, and send nothing
    #[arg(long, conflicts_with_all = ["detach", "logs"])]
    pub dry_run: bool,
    /// Do not ask the server for its log
    #[arg(long, conflicts_with = "logs")]
    pub no_logs: bool,
    #[command(flatten)]
    pub mode: OutputMode,
    /// Folder for the outputs, instead of the profile's or ~/comfydeck
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Run again each time the preset, the workflow, an @FILE or an uploaded file is saved; asked once
    #[arg(long, conflicts_with_all = ["batch", "count", "sweep", "dry_run", "detach"])]
    pub watch: bool,
    /// With --watch: at most N runs
    #[arg(long, value_name = "N", default_value_t = 20, requires = "watch", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub watch_runs: u32,
    /// Send nothing that a run which is done, or about to be, has sent
    #[arg(long, hide = true)]
    pub unless_same: bool,
}

impl Args {
    fn preset(&self) -> Option<&str> {
        self.name.as_deref().or(self.open.preset.as_deref())
    }

    fn workflow(&self) -> Option<&Path> {
        self.override_workflow.as_deref().or(self.open.workflow.as_deref())
    }

    fn sends_workflow(&self) -> bool {
        self.send_workflow || self.override_workflow.is_some()
    }
}

/// Queues a run and follows it to its end.
///
/// # Errors
/// Why the run was not queued, or how it ended.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let dirs = super::dirs()?;
    let working = std::env::current_dir()
        .map_err(|e| Failure::usage(format!("the working directory cannot be read: {e}")))?;
    let mut prepared = prepare(&args, &dirs, &working)?;
    let store = Store::open(&dirs)?;
    if args.watch {
        return run_watch::main(&store, &watching(&args, &prepared, &working));
    }
    prepared.go_on(&store)?;
    let wildcards = WildcardFiles::new(&dirs, &working);
    let caps = prepared.profile.protocol.caps();
    let mut submission = prepared.draft.submission(caps.needs_a_value).map_err(Failure::usage)?;
    let goes_along = args.sends_workflow() || caps.shape == Shape::Graph;
    refuse_unfilled(&prepared.draft.unfilled(&submission, goes_along), args.lenient)?;
    let plan = || args.batch.plan(&prepared.draft, &prepared.opening.workflow.source.shown(), &working);
    let plan = args.batch.is_given().then(plan).transpose()?;
    let doubts = |draft: &Draft| match &plan {
        Some(plan) => batch_doubts(draft, plan, caps.needs_a_value, goes_along),
        None => {
            let doubts = draft.doubts(&submission, goes_along);
            doubts.into_iter().map(|(parameter, doubt)| (parameter.key.clone(), doubt)).collect()
        }
    };
    if !doubts(&prepared.draft).is_empty() {
        prepared.ask_server_again(&dirs);
    }
    refuse_doubtful(&doubts(&prepared.draft), args.lenient || args.dry_run)?;
    if !args.no_expand {
        submission.expand(fastrand::u64(..), &wildcards).map_err(Failure::usage)?;
    }
    let prompt = prepared.draft.prompt();
    let workflow_name = prepared.opening.workflow.source.name();
    let new = NewRun {
        profile: &prepared.profile,
        workflow: &prepared.opening.workflow.workflow,
        workflow_name: &workflow_name,
        preset: prepared.opening.preset.as_ref().map(|preset| preset.name.as_str()),
        submission: &submission,
        prompt: &prompt,
        send_workflow: args.sends_workflow(),
        logs: !args.no_logs,
        output_dir: args.output.as_deref().unwrap_or_else(|| prepared.profile.outputs(&dirs)),
        if_same: if args.unless_same { IfSame::Refuse } else { IfSame::Warn },
    };
    let manner = args.mode;
    if let Some(plan) = plan {
        let order = run_batch::Order {
            new,
            draft: &prepared.draft,
            plan,
            wildcards: (!args.no_expand).then_some(&wildcards),
            most_cost: args.batch.max_cost,
            yes: args.batch.yes,
            dry_run: args.dry_run,
        };
        return run_batch::main(&dirs, &store, order, manner);
    }
    if args.dry_run {
        return dry_run(&new, args.mode.json);
    }
    // From here on Ctrl+C cancels the run.
    let interrupts = if args.mode.detach { None } else { Some(Interrupts::take()?) };
    let id = submit(&dirs, &store, &new)?;
    run_output::queued_run(&dirs, &store, id, manner, interrupts).map_err(Failure::after_sending)
}

/// The files that a run is made of, as far as they are files of this machine.
fn watching(args: &Args, prepared: &Prepared, working: &Path) -> Watching {
    let mut files: Vec<PathBuf> =
        prepared.opening.preset.iter().flat_map(|preset| preset.content.files.iter().cloned()).collect();
    if let WorkflowSource::File(path) = &prepared.opening.workflow.source {
        files.push(path.clone());
    }
    let is_known = |name: &str| prepared.draft.named(name) != Err(Unnamed::Unknown);
    let texts = args.set.iter().filter_map(|pair| {
        let (_, text) = pair.split(is_known).ok()?;
        let path = text.strip_prefix('@').filter(|path| !path.starts_with('@') && *path != "-")?;
        Some(crate::config::dirs::expand(path, working))
    });
    files.extend(texts);
    let uploads =
        prepared.draft.params().iter().filter_map(|parameter| match prepared.draft.setting(&parameter.key) {
            Some(Setting::File(path)) => Some(path),
            Some(Setting::Value(_)) | None => None,
        });
    files.extend(uploads);
    files.sort();
    files.dedup();
    Watching {
        files,
        most_runs: args.watch_runs,
        most_cost: args.batch.max_cost,
        cost_per_second: prepared.profile.cost_per_second,
        yes: args.batch.yes,
    }
}

/// Refuses to send placeholders, unless `lenient`.
fn refuse_unfilled(unfilled: &[&Parameter], lenient: bool) -> Result<(), Failure> {
    if unfilled.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = unfilled
        .iter()
        .map(|parameter| format!("`{}` = {}", parameter.key, value::text(&parameter.default)))
        .collect();
    let are = if names.len() == 1 { "one value is" } else { "some values are" };
    let told = format!("{are} still to be filled in: {}", names.join(", "));
    if lenient {
        out::note(format!("warning: {told}. Sent as written"));
        return Ok(());
    }
    Err(Failure::usage(format!(
        "nothing was sent: {told}. Set them with --set KEY=VALUE, or send them as written with --lenient"
    )))
}

fn batch_doubts(draft: &Draft, plan: &Plan, needs_a_value: bool, goes_along: bool) -> Vec<(ParamKey, Doubt)> {
    let doubts = batch::doubts::doubts(draft, plan, needs_a_value, goes_along);
    doubts.into_iter().map(|found| (found.key, found.doubt)).collect()
}

/// Refuses to send what the server does not take, unless `lenient`.
fn refuse_doubtful(doubts: &[(ParamKey, Doubt)], lenient: bool) -> Result<(), Failure> {
    /// Most values that are named.
    const MOST: usize = 10;
    if doubts.is_empty() {
        return Ok(());
    }
    let told = |(key, doubt): &(ParamKey, Doubt)| {
        let near = doubt.nearest.as_ref().map(|near| format!(" (nearest: {})", value::text(near)));
        format!("`{key}`: {}{}", doubt.why, near.unwrap_or_default())
    };
    let mut told: Vec<String> = doubts.iter().take(MOST).map(told).collect();
    if doubts.len() > MOST {
        told.push(format!("{} more", doubts.len() - MOST));
    }
    let told = format!("the server does not take {}", told.join("; "));
    if lenient {
        out::note(format!("warning: {told}"));
        return Ok(());
    }
    Err(Failure::usage(format!(
        "nothing was sent: {told}. Set other values with --set KEY=VALUE, or send these with --lenient"
    )))
}

/// Shows what a run would send, without sending it.
fn dry_run(new: &NewRun<'_>, as_json: bool) -> Result<Exit, Failure> {
    let outgoing = runner::outgoing(new)?;
    let output_dir = runner::absolute(new.output_dir)?;
    if as_json {
        out::print(&format!("{}\n", json::outgoing(&outgoing, &output_dir, new.submission)))?;
        return Ok(Exit::Success);
    }
    out::print(&human::outgoing(&outgoing))?;
    for (key, value, rule) in new.submission.by_program() {
        out::note(human::by_program(key.as_str(), value, rule));
    }
    for (key, template) in new.submission.templates.iter().flat_map(|templates| &templates.texts) {
        out::note(human::expanded(key, template));
    }
    out::note(format!("outputs would go to {}", output_dir.display()));
    out::note("nothing was sent");
    Ok(Exit::Success)
}

fn submit(dirs: &Dirs, store: &Store, new: &NewRun<'_>) -> Result<RunId, Failure> {
    let id = runner::enqueue(store, dirs, new)?;
    runner::ensure(dirs)
        .map_err(|error| Failure::new(Exit::Lost, format!("run {id} is queued, but not started: {error}")))?;
    Ok(id)
}

/// Everything made of the arguments.
struct Prepared {
    opening: Opening,
    profile: Profile,
    draft: Draft,
}

impl Prepared {
    /// Settles doubts: the server may have other models by now than when it was asked. What is kept serves when it does
    /// not answer.
    fn ask_server_again(&mut self, dirs: &Dirs) {
        let preset = self.opening.preset.as_ref();
        let Some(origin @ SchemaOrigin::Server(_)) = SchemaOrigin::of(preset, Some(&self.profile)) else {
            return;
        };
        let Ok(text) = super::server::read_nodes(&self.profile) else { return };
        let schemas = Schemas::new(dirs);
        if schemas.keep(&origin, &text).is_ok() {
            let workflow = &self.opening.workflow;
            let known = workflow.knowing(schemas.find(&origin, &workflow.workflow));
            self.draft.describe(known.params);
        }
    }

    /// Computes the next values of seeds: increments continue from the last run of the same preset and workflow.
    fn go_on(&mut self, store: &Store) -> Result<(), Failure> {
        let preset = self.opening.preset.as_ref().map(|preset| preset.name.as_str());
        let workflow = self.opening.workflow.workflow.hash();
        let seeds: Vec<ParamKey> = self.draft.moved_seeds().cloned().collect();
        self.draft.go_on_from(store.last_numbers(&seeds, preset, workflow)?);
        self.draft.draw(|| fastrand::u64(..));
        Ok(())
    }
}

/// Checks all arguments before anything is queued.
fn prepare(args: &Args, dirs: &Dirs, working: &Path) -> Result<Prepared, Failure> {
    let config = Config::load(dirs).map_err(Failure::usage)?;
    warn(&config.warnings);
    let target = open::OpenRequest {
        preset: args.preset(),
        workflow: args.workflow(),
        profile: args.open.place.profile.as_deref(),
        url: args.open.place.url.as_deref(),
    };
    let mut opening =
        open::open(&config, &Presets::new(dirs, working), &Schemas::new(dirs).converting(), &target)
            .map_err(Failure::usage)?;
    warn(&opening.diagnostics);
    opening.workflow.notes().for_each(out::note);
    if let Some(why) = opening.workflow.unrunnable() {
        return Err(Failure::usage(format!("{}: {why}", opening.workflow.source.shown())));
    }
    let unsure = opening.unsure().count();
    if unsure > 0 && !args.lenient {
        let things = if unsure == 1 { "a line".to_owned() } else { format!("{unsure} lines") };
        return Err(Failure::usage(format!(
            "nothing was sent: {things} of the preset could not be understood (above). Fix that, or send the rest with --lenient"
        )));
    }
    let profile = match opening.profile {
        Ok(ref profile) => profile.clone(),
        Err(error) => return Err(Failure::usage(error)),
    };
    let params = std::mem::take(&mut opening.workflow.params);
    let mut draft = Draft::new(params, std::mem::take(&mut opening.layer));
    let shown = opening.workflow.source.shown();
    let is_known = |draft: &Draft, name: &str| draft.named(name) != Err(Unnamed::Unknown);
    let mut texts = Texts::default();
    for pair in &args.set {
        let (name, text) = pair.split(|name| is_known(&draft, name))?;
        let named = known(&draft, name, &shown)?;
        let text = texts.read(name, text, working)?;
        set(&mut draft, name, &named, &text, working)?;
    }
    if let Some(text) = &args.seed {
        for key in seed_keys(&draft, &shown)? {
            let Some(parameter) = draft.param(&key) else { continue };
            let value =
                value::read(parameter, text).map_err(|why| Failure::usage(format!("--seed: {why}")))?;
            draft.say([(key, Setting::Value(value))], Said::Option);
        }
    }
    for pair in &args.file {
        let (name, path) = pair.split(|name| is_known(&draft, name))?;
        let keys = known(&draft, name, &shown)?.keys;
        let path = file(name, path, working)?;
        draft.say(keys.into_iter().map(|key| (key, Setting::File(path.clone()))), Said::Option);
    }
    Ok(Prepared { opening, profile, draft })
}

/// Does `--set NAME=TEXT`.
fn set(draft: &mut Draft, name: &str, named: &Named, text: &str, working: &Path) -> Result<(), Failure> {
    let mut settings = Vec::new();
    for key in &named.keys {
        let Some(parameter) = draft.param(key) else { continue };
        let value = match (&named.field, draft.setting(key)) {
            (Some(field), Some(Setting::Value(now))) => value::with_field(&now, field, text),
            _ => value::read(parameter, text),
        };
        let value = value.map_err(|why| Failure::usage(format!("--set {name}: {why}")))?;
        if let Some(why) = value::out_of_range(parameter, &value) {
            out::note(format!("warning: --set {name}: {why}. It is sent anyway"));
        }
        if let Some(path) = local_path(parameter, &value, working) {
            out::note(format!(
                "warning: --set {name}: {} is a file on this machine, but its path is sent as text. --file {name}=… uploads it",
                path.display()
            ));
        }
        settings.push((key.clone(), Setting::Value(value)));
    }
    let before: Vec<_> = named.keys.iter().map(|key| draft.setting(key)).collect();
    if before.windows(2).any(|pair| pair[0] != pair[1]) {
        let keys = named.keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ");
        out::note(format!(
            "--set {name}: {keys} held different texts and are both set. A key instead of `{name}` sets one of them"
        ));
    }
    draft.say(settings, Said::Option);
    Ok(())
}

/// The seed that `--seed` sets: the same as for `--set seed=N`, else the only one.
fn seed_keys(draft: &Draft, workflow: &str) -> Result<Vec<ParamKey>, Failure> {
    if draft.named("seed") != Err(Unnamed::Unknown) {
        return Ok(known(draft, "seed", workflow)?.keys);
    }
    let seeds = draft.params().iter().filter(|parameter| parameter.kind == ParamKind::Seed);
    let seeds: Vec<&ParamKey> = seeds.map(|parameter| &parameter.key).collect();
    match seeds.as_slice() {
        [only] => Ok(vec![(*only).clone()]),
        [] => Err(Failure::usage(format!("--seed: {workflow} has no seed"))),
        several => {
            let names: Vec<String> = several.iter().map(|key| format!("--set {key}=N")).collect();
            Err(Failure::usage(format!(
                "--seed: {workflow} has {} seeds. Say which: {}",
                names.len(),
                names.join(" or ")
            )))
        }
    }
}

/// The existing local file that a text names, if any.
fn local_path(parameter: &Parameter, value: &Value, working: &Path) -> Option<PathBuf> {
    let takes = matches!(parameter.kind, ParamKind::Text | ParamKind::LongText | ParamKind::File(_));
    match pasted::read(value.as_str().filter(|_| takes)?) {
        Pasted::Path(path) => Some(crate::config::dirs::expand(&path, working)).filter(|path| path.is_file()),
        Pasted::OnServer(_) | Pasted::Url(_) | Pasted::Text(_) => None,
    }
}

/// An existing file to upload. Its path may be quoted as by terminals and file managers when a file is dragged there.
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
