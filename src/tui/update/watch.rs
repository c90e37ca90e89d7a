//! Watching: the draft runs again when its preset, its workflow or an input file is saved in another editor.

use std::path::PathBuf;

use super::{presets, submit};
use crate::domain::Setting;
use crate::domain::spend::cost;
use crate::report::batch::{money, runs};
use crate::tui::command::{Command, Scope, at};
use crate::tui::effect::{Effect, Effects, ScreenEffect};
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::pane::Pane;
use crate::tui::panes::params::update as params;
use crate::tui::watching::{MOST_RUNS, Watching};

pub const COMMANDS: &[Command] = &[Command {
    places: &[at(Scope::Pane(Pane::Parameters), 0)],
    keys: &["w"],
    short: "watch",
    long: "Run again each time the preset, the workflow or an input file is saved elsewhere; again ends it. Asked first",
    when: |model| {
        if model.watching.is_some() {
            return Ok(());
        }
        submit::can_run(model)?;
        if files(model).is_empty() {
            Err("Nothing of this run comes from a file that could be saved")
        } else {
            Ok(())
        }
    },
    ..Command::new("watch", |model, _, effects| toggle(model, effects))
}];

/// The files that go into the run, in the order in which they are told.
fn files(model: &Model) -> Vec<PathBuf> {
    let open = model.open.files.iter().map(|file| file.path.clone());
    let inputs = model.draft.params().iter().filter_map(|param| match model.draft.setting(&param.key)? {
        Setting::File(path) => Some(path),
        Setting::Value(_) => None,
    });
    let mut files: Vec<PathBuf> = Vec::new();
    for path in open.chain(inputs) {
        if !files.contains(&path) {
            files.push(path);
        }
    }
    files
}

fn toggle(model: &mut Model, effects: &mut Effects) {
    if let Some(Watching { ran, .. }) = model.watching.take() {
        effects.push(Effect::Screen(ScreenEffect::WatchFiles(Vec::new())));
        return model.notify(Tone::Plain, format!("Not watching any more, after {}", runs(ran as usize)));
    }
    /// Most names in a question.
    const MOST: usize = 4;
    let files = files(model);
    let mut names: Vec<String> = files
        .iter()
        .take(MOST)
        .map(|path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned())
        .collect();
    if files.len() > MOST {
        names.push(format!("{} more", files.len() - MOST));
    }
    let usual = model.open.workflow_hash().and_then(|hash| model.usual.get(hash));
    let price = model.open.profile.as_ref().and_then(|profile| profile.cost_per_second);
    let price = usual.zip(price).map(|(usual, price)| cost(usual.run_ms, price));
    let price = price.map(|price| format!(", each about {}", money(price))).unwrap_or_default();
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Run again each time one of these is saved: {}?", names.join(", ")),
        consequence: format!(
            "{MOST_RUNS} runs at the most{price}. The same key ends it, and so does leaving."
        ),
        yes: "watch",
        then: Confirmed::Watch,
    }));
}

/// After the yes.
pub(super) fn begin(model: &mut Model, effects: &mut Effects) {
    let files = files(model);
    effects.push(Effect::Screen(ScreenEffect::WatchFiles(files.clone())));
    model.watching = Some(Watching { files, ..Watching::default() });
    model.notify(Tone::Good, "Watching: what is saved runs. The same key ends it");
}

/// Files were saved. What is open is read again first.
pub(super) fn saved(model: &mut Model, saved: &[PathBuf]) {
    let is_open = |path: &PathBuf| model.open.files.iter().any(|file| file.path == *path);
    let must_read = saved.iter().any(is_open);
    let Some(watching) = &mut model.watching else { return };
    watching.waits = true;
    watching.reads |= must_read;
}

/// Runs what waits as soon as nothing stands in the way, and watches the files that go into the run now. Returns whether a run
/// was queued.
pub(super) fn settle(model: &mut Model, effects: &mut Effects) -> bool {
    if model.watching.is_none() || model.opening {
        return false;
    }
    let files = files(model);
    let is_busy = model.overlay.is_some() || model.params.editing.is_some();
    let Some(watching) = &mut model.watching else { return false };
    if watching.files != files {
        watching.files.clone_from(&files);
        effects.push(Effect::Screen(ScreenEffect::WatchFiles(files)));
    }
    if is_busy || !watching.waits {
        return false;
    }
    if std::mem::take(&mut watching.reads) {
        presets::reload(model, effects);
        return false;
    }
    watching.waits = false;
    if watching.ran >= MOST_RUNS {
        end(model, effects);
        return false;
    }
    params::check_files(model, effects);
    let is_sent = submit::by_watch(model, effects);
    if let Some(watching) = model.watching.as_mut().filter(|_| is_sent) {
        watching.ran += 1;
    }
    is_sent
}

/// As many runs as one watch makes.
fn end(model: &mut Model, effects: &mut Effects) {
    model.watching = None;
    effects.push(Effect::Screen(ScreenEffect::WatchFiles(Vec::new())));
    let told = format!("Watching has ended: {} are as many as one watch makes", runs(MOST_RUNS as usize));
    model.report(Tone::Bad, told);
}

/// What is open could not be read again: it is half written, or wrong. The next save tries again.
pub(super) fn not_read(model: &mut Model) {
    if let Some(watching) = &mut model.watching {
        watching.waits = false;
    }
}
