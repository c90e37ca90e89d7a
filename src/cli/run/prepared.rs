//! What the arguments of `comfydeck run` make: a draft for a profile, all of it checked before anything is queued.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::args::Args;
use crate::cli::names::known;
use crate::cli::pairs::Texts;
use crate::cli::{Failure, out, server};
use crate::config::{Config, Dirs, Profile};
use crate::domain::draft::{Named, Unnamed};
use crate::domain::pasted::{self, Pasted};
use crate::domain::{Draft, ParamKey, ParamKind, Parameter, Said, Setting, value};
use crate::library::open::{self, Opening};
use crate::library::presets::Presets;
use crate::library::schemas::{SchemaOrigin, Schemas};
use crate::store::Store;

/// Everything made of the arguments.
pub(super) struct Prepared {
    pub(super) opening: Opening,
    pub(super) profile: Profile,
    pub(super) draft: Draft,
}

impl Prepared {
    /// Settles doubts: the server may have other models by now than when it was asked. What is kept serves when it does
    /// not answer.
    pub(super) fn ask_server_again(&mut self, dirs: &Dirs) {
        let preset = self.opening.preset.as_ref();
        let Some(origin @ SchemaOrigin::Server(_)) = SchemaOrigin::of(preset, Some(&self.profile)) else {
            return;
        };
        let Ok(text) = server::read_nodes(&self.profile) else { return };
        let schemas = Schemas::new(dirs);
        if schemas.keep(&origin, &text).is_ok() {
            let workflow = &self.opening.workflow;
            let known = workflow.knowing(schemas.find(&origin, &workflow.workflow));
            self.draft.describe(known.params);
        }
    }

    /// Computes the next values of seeds: increments continue from the last run of the same preset and workflow.
    pub(super) fn go_on(&mut self, store: &Store) -> Result<(), Failure> {
        let preset = self.opening.preset.as_ref().map(|preset| preset.name.as_str());
        let workflow = self.opening.workflow.workflow.hash();
        let seeds: Vec<ParamKey> = self.draft.moved_seeds().cloned().collect();
        self.draft.go_on_from(store.last_numbers(&seeds, preset, workflow)?);
        self.draft.draw(|| fastrand::u64(..));
        Ok(())
    }
}

/// Checks all arguments before anything is queued.
pub(super) fn prepare(args: &Args, dirs: &Dirs, working: &Path) -> Result<Prepared, Failure> {
    let config = Config::load(dirs).map_err(Failure::usage)?;
    out::warn(&config.warnings);
    let target = open::OpenRequest {
        preset: args.preset(),
        workflow: args.workflow(),
        profile: args.open.place.profile.as_deref(),
        url: args.open.place.url.as_deref(),
    };
    let mut opening =
        open::open(&config, &Presets::new(dirs, working), &Schemas::new(dirs).converting(), &target)
            .map_err(Failure::usage)?;
    out::warn(&opening.diagnostics);
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
