//! `comfydeck import FILE`: shows or saves the graph in a picture or video.

use std::path::{Path, PathBuf};

use clap_complete::ArgValueCandidates;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::complete;
use super::open::Destination;
use super::presets::columns;
use super::{Exit, Failure, out};
use crate::config::{Config, files};
use crate::domain::fit::Fit;
use crate::domain::param::parameters;
use crate::domain::{Draft, ParamKey, ParamKind, SeedPolicy, Setting, value};
use crate::library::import::{self, Imported};
use crate::library::open::{self, OpenError, OpenRequest, Opening};
use crate::library::presets::{Edits, Presets, check_name};
use crate::library::schemas::{SchemaOrigin, Schemas};
use crate::report::text;
use crate::wire::ansi::scrub_plain;

/// Most columns for a value.
const VALUE_WIDTH: usize = 200;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A picture or a video that ComfyUI saved (PNG, WebP, JPEG, AVIF, MP4, MOV, WebM, FLAC, MP3, Ogg), or a workflow file
    pub file: PathBuf,
    /// The workflow_api.json to compare with, instead of the preset's or the profile's
    #[arg(short, long, value_name = "FILE")]
    pub workflow: Option<PathBuf>,
    /// The preset to compare with
    #[arg(short = 'P', long, value_name = "PRESET", conflicts_with = "workflow", add = ArgValueCandidates::new(complete::presets))]
    pub against: Option<String>,
    #[command(flatten)]
    pub place: Destination,
    /// Write a preset of this name with the values that fit and differ
    #[arg(long, value_name = "NAME", conflicts_with_all = ["workflow_out", "json"])]
    pub preset: Option<String>,
    /// Write the graph as a workflow file; - for stdout
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub workflow_out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Where it is said what nodes take, for a graph of ComfyUI's editor.
fn schema_origin(args: &Args, config: &Config, presets: &Presets) -> Option<SchemaOrigin> {
    let preset = args.against.as_deref().and_then(|name| presets.open(name).ok());
    let of_preset = preset.as_ref().and_then(|preset| preset.profile.as_deref());
    let profile = config.choose(args.place.profile.as_deref().or(of_preset), args.place.url.as_deref()).ok();
    SchemaOrigin::of(preset.as_ref(), profile.as_ref())
}

/// Shows the graph in a file, or saves it.
///
/// # Errors
/// When the file has no graph, or the result cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let dirs = super::dirs()?;
    let working = std::env::current_dir()
        .map_err(|e| Failure::usage(format!("the working directory cannot be read: {e}")))?;
    let presets = Presets::new(&dirs, &working);
    let config = Config::load(&dirs).map_err(Failure::usage);
    let schemas = Schemas::new(&dirs).converting();
    // What is wrong with config, preset or profile is told where they are opened; a graph can be read without.
    let origin = config.as_ref().ok().and_then(|config| schema_origin(&args, config, &presets));
    let imported = import::read(&args.file, origin.as_ref().map(|origin| (&schemas, origin)))
        .map_err(|error| Failure::usage(plain(&error.to_string())))?;
    if let Some(path) = &args.workflow_out {
        notes(&imported);
        return write_workflow(&imported, path);
    }
    let config = config?;
    let target = OpenRequest {
        preset: args.against.as_deref(),
        workflow: args.workflow.as_deref(),
        profile: args.place.profile.as_deref(),
        url: args.place.url.as_deref(),
    };
    let compared = match open::open(&config, &presets, &schemas, &target) {
        Ok(opening) => {
            opening.diagnostics.iter().for_each(|found| out::note(plain(&format!("warning: {found}"))));
            Some(Compared::new(&imported, opening))
        }
        Err(OpenError::NoWorkflow) if args.preset.is_none() => None,
        Err(OpenError::NoWorkflow) => {
            return Err(Failure::usage(
                "a preset needs a workflow, and none is given. Pass --workflow FILE, or save the graph as one first: --workflow-out FILE",
            ));
        }
        // Nothing to compare with was asked for, so the graph is shown without.
        Err(error) if args.workflow.is_none() && args.against.is_none() && args.preset.is_none() => {
            out::note(plain(&format!("warning: not compared: {error}")));
            None
        }
        Err(error) => return Err(Failure::usage(error)),
    };
    match (&args.preset, &compared) {
        (Some(name), Some(compared)) => {
            notes(&imported);
            write_preset(&presets, name, compared)?;
        }
        _ if args.json => out::print(&format!("{}\n", as_json(&imported, compared.as_ref())))?,
        _ => {
            notes(&imported);
            out::print(&shown(&imported, compared.as_ref()))?;
        }
    }
    Ok(Exit::Success)
}

/// A graph compared with the open workflow.
struct Compared {
    opening: Opening,
    draft: Draft,
    fit: Fit,
}

impl Compared {
    fn new(imported: &Imported, mut opening: Opening) -> Self {
        let params = std::mem::take(&mut opening.workflow.params);
        let draft = Draft::new(params, std::mem::take(&mut opening.layer));
        let fit = Fit::new(&imported.graph, &draft);
        Self { opening, draft, fit }
    }

    fn against(&self) -> String {
        let workflow = self.opening.workflow.source.shown();
        match &self.opening.preset {
            Some(preset) => format!("{workflow} under preset {}", preset.name),
            None => workflow,
        }
    }
}

/// Outside text without control characters, line by line.
fn plain(text: &str) -> String {
    scrub_plain(text)
}

fn notes(imported: &Imported) {
    for note in &imported.notes {
        out::note(format!("warning: {}: {note}", plain(&imported.path.display().to_string())));
    }
}

/// The graph's values, without links.
fn values(imported: &Imported) -> impl Iterator<Item = (ParamKey, Value)> {
    let all = parameters(&imported.graph).into_iter();
    let own = all.filter(|param| param.kind != ParamKind::Link && imported.graph.value(&param.key).is_some());
    own.map(|param| (param.key, param.default))
}

fn value_text(value: &Value) -> String {
    plain(&text::cut(&value::text(value), VALUE_WIDTH))
}

fn shown(imported: &Imported, compared: Option<&Compared>) -> String {
    let count = |count, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut out = format!(
        "{}: {}, a graph of {}{}\n",
        plain(&imported.path.display().to_string()),
        imported.kind,
        count(imported.graph.nodes().len(), "node"),
        if imported.has_ui_graph { ", and the graph of ComfyUI's editor" } else { "" },
    );
    if let Some(compared) = compared {
        let fit = &compared.fit;
        out.push_str(&format!(
            "compared with {}: {} differ, {} are the same, {} are not accepted, {} match no parameter\n",
            plain(&compared.against()),
            fit.differ.len(),
            fit.same.len(),
            fit.refused.len(),
            fit.unmatched.len(),
        ));
    }
    let mut section = |title: String, rows: Vec<[String; 3]>| {
        if !rows.is_empty() {
            let lines = columns(&rows);
            let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
            out.push_str(&format!("\n{title}\n{lines}"));
        }
    };
    let key = |key: &ParamKey| plain(key.as_str());
    let Some(Compared { draft, fit, .. }) = compared else {
        let rows = values(imported).map(|(k, value)| [key(&k), value_text(&value), String::new()]);
        section("Its values".to_owned(), rows.collect());
        out.push_str("\nNo workflow to compare with: pass --workflow FILE or --against PRESET.\n");
        return out;
    };
    let name = |key: &ParamKey| {
        draft
            .param(key)
            .map_or_else(String::new, |param| plain(&format!("{} {}", param.group, draft.name(param))))
    };
    let now = |setting: &Setting| match setting {
        Setting::Value(value) => value_text(value),
        Setting::File(path) => plain(&format!("file {}", path.display())),
    };
    section(
        "Values that fit and differ".to_owned(),
        fit.differ
            .iter()
            .flat_map(|d| {
                [
                    [key(&d.key), "there".to_owned(), value_text(&d.there)],
                    [name(&d.key), "here".to_owned(), now(&d.now)],
                ]
            })
            .collect(),
    );
    section(
        "Values that are the same".to_owned(),
        fit.same.iter().map(|(k, value)| [key(k), String::new(), value_text(value)]).collect(),
    );
    section(
        "Values that are not accepted".to_owned(),
        fit.refused.iter().map(|r| [key(&r.key), r.why.to_owned(), value_text(&r.there)]).collect(),
    );
    section(
        "Values that match no parameter".to_owned(),
        fit.unmatched
            .iter()
            .map(|h| [key(&h.key), plain(&format!("{}: {}", h.class_type, h.why)), value_text(&h.there)])
            .collect(),
    );
    section(
        "Parameters that the graph does not set".to_owned(),
        fit.unnamed.iter().map(|k| [key(k), name(k), String::new()]).collect(),
    );
    out
}

fn as_json(imported: &Imported, compared: Option<&Compared>) -> Value {
    let values: serde_json::Map<String, Value> =
        values(imported).map(|(key, value)| (key.to_string(), value)).collect();
    let mut object = json!({
        "file": imported.path.to_string_lossy(),
        "kind": imported.kind,
        "nodes": imported.graph.nodes().len(),
        "ui_graph": imported.has_ui_graph,
        "notes": imported.notes,
        "values": values,
    });
    let Some(Compared { opening, fit, .. }) = compared else { return object };
    let setting = |setting: &Setting| match setting {
        Setting::Value(value) => value.clone(),
        Setting::File(path) => json!({"file": path.to_string_lossy()}),
    };
    object["against"] = json!({
        "workflow": opening.workflow.source.shown(),
        "preset": opening.preset.as_ref().map(|preset| &preset.name),
    });
    let differ =
        fit.differ.iter().map(|d| json!({"key": d.key.as_str(), "there": d.there, "here": setting(&d.now)}));
    object["differ"] = differ.collect();
    object["same"] = fit.same.iter().map(|(key, _)| key.as_str()).collect();
    let refused = fit.refused.iter();
    object["refused"] =
        refused.map(|r| json!({"key": r.key.as_str(), "there": r.there, "why": r.why})).collect();
    let unmatched = fit
        .unmatched
        .iter()
        .map(|h| json!({"key": h.key.as_str(), "class_type": h.class_type, "there": h.there, "why": h.why}));
    object["without_place"] = unmatched.collect();
    object["not_in_graph"] = fit.unnamed.iter().map(ParamKey::as_str).collect();
    object
}

fn write_preset(presets: &Presets, name: &str, compared: &Compared) -> Result<(), Failure> {
    check_name(name).map_err(Failure::usage)?;
    let Compared { opening, fit, draft } = compared;
    if fit.differ.is_empty() && fit.same.is_empty() {
        return Err(Failure::usage(format!(
            "no value of the graph fits {}. Save it as a workflow of its own: --workflow-out FILE",
            plain(&compared.against())
        )));
    }
    let settings: IndexMap<ParamKey, Setting> = fit.settings(draft).into_iter().collect();
    // Values that made a picture are only complete with its seed.
    let seeds = fit.changing_seeds(draft).into_iter().map(|key| (key, SeedPolicy::Fixed)).collect();
    let edits = Edits { settings, seeds, ..Edits::default() };
    let source = Some(&opening.workflow.source);
    let path =
        presets.save_as(opening.preset.as_ref(), name, source, &edits, false).map_err(Failure::usage)?;
    let left = fit.refused.iter().map(|refused| &refused.key);
    let left: Vec<&str> = left.chain(fit.unmatched.iter().map(|h| &h.key)).map(ParamKey::as_str).collect();
    if !left.is_empty() {
        out::note(plain(&format!(
            "warning: left out, because {} does not accept them: {}",
            compared.against(),
            left.join(", ")
        )));
    }
    out::print(&format!("{}\n", path.display()))?;
    Ok(())
}

fn write_workflow(imported: &Imported, path: &Path) -> Result<Exit, Failure> {
    let text = import::workflow_text(&imported.graph).map_err(Failure::usage)?;
    if path == Path::new("-") {
        out::print(&text)?;
        return Ok(Exit::Success);
    }
    let shown = path.display();
    if path.is_file() {
        return Err(Failure::usage(format!(
            "{shown} exists already. Name another file, or delete that one first"
        )));
    }
    files::replace(path, text.as_bytes(), 0o666)
        .map_err(|e| Failure::new(Exit::Failed, format!("{shown} cannot be written: {e}")))?;
    out::print(&format!("{shown}\n"))?;
    Ok(Exit::Success)
}
