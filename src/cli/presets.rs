//! `comfydeck presets`: lists, shows, creates, renames and deletes presets.

use std::path::PathBuf;

use clap_complete::ArgValueCandidates;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::console::Console;
use super::{Exit, Failure, complete, dirs, out};
use crate::config::{Config, Dirs};
use crate::domain::draft::Layer;
use crate::domain::{SeedPolicy, Setting, preset, value};
use crate::library::open::{self, OpenRequest};
use crate::library::presets::{Edits, Listed, PresetSource, Presets, WorkflowSource, check_name};
use crate::library::schemas::Schemas;
use crate::report::table::{Column, Tone, cell, table};
use crate::wire::ansi::scrub_plain;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the presets in ./presets, in the config directory and built in
    List {
        /// Print one JSON object per line: name, title, description, source, profile, extends, workflow
        #[arg(long)]
        json: bool,
    },
    /// Show what a preset sets, all that it extends included
    Show {
        /// Its name, or the path of a file
        #[arg(add = ArgValueCandidates::new(complete::presets))]
        preset: String,
        /// The workflow to hold it against instead of its own
        #[arg(short, long, value_name = "FILE")]
        workflow: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Create a preset from a workflow, or from another preset
    New {
        /// The name of the preset
        name: String,
        /// The workflow it is for
        #[arg(short, long, value_name = "FILE", required_unless_present = "from")]
        workflow: Option<PathBuf>,
        /// The preset to copy
        #[arg(short = 'P', long, value_name = "PRESET", conflicts_with = "workflow", add = ArgValueCandidates::new(complete::presets))]
        from: Option<String>,
    },
    /// Give a preset another name
    Rename {
        /// The name of the preset
        #[arg(add = ArgValueCandidates::new(complete::own_presets))]
        preset: String,
        /// The new name of the preset
        name: String,
        /// Also when others extend it, which then look for it in vain
        #[arg(long)]
        force: bool,
    },
    /// Delete a preset's file
    Delete {
        /// The name of the preset
        #[arg(add = ArgValueCandidates::new(complete::own_presets))]
        preset: String,
        /// Also when others extend it, which then look for it in vain
        #[arg(long)]
        force: bool,
    },
}

/// # Errors
/// When a preset or a workflow cannot be used or written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let dirs = dirs()?;
    let working = std::env::current_dir()
        .map_err(|e| Failure::usage(format!("the working directory cannot be read: {e}")))?;
    let presets = Presets::new(&dirs, &working);
    match args.what {
        What::List { json } => list(&presets, json),
        What::Show { preset, workflow, json } => show(&dirs, &presets, &preset, workflow, json),
        What::New { name, workflow, from } => new(&presets, &name, workflow, from),
        What::Rename { preset, name, force } => {
            let listed = own(&presets, &preset, force)?;
            let path = presets.rename((&listed.name, &listed.source), &name).map_err(Failure::usage)?;
            out::print(&format!("{}\n", path.display()))?;
            Ok(Exit::Success)
        }
        What::Delete { preset, force } => {
            let listed = own(&presets, &preset, force)?;
            presets.delete((&listed.name, &listed.source)).map_err(Failure::usage)?;
            out::note(format!("deleted {}", listed.source.shown(&listed.name)));
            Ok(Exit::Success)
        }
    }
}

fn list(presets: &Presets, json: bool) -> Result<Exit, Failure> {
    let listed = presets.list().map_err(Failure::usage)?;
    let text: String = if json {
        listed.iter().map(|listed| format!("{}\n", listed_json(listed))).collect()
    } else {
        let rows = listed.iter().map(|listed| {
            let source = match &listed.source {
                PresetSource::File(path) => path.display().to_string(),
                PresetSource::BuiltIn => "built in".to_owned(),
            };
            [
                cell(scrub_plain(&listed.name), Tone::Strong),
                cell(scrub_plain(&listed.title), Tone::Plain),
                cell(scrub_plain(&source), Tone::Quiet),
            ]
        });
        let heads = [Column::left("NAME"), Column::left("TITLE"), Column::left("WHERE")];
        table(heads, &rows.collect::<Vec<_>>(), Console::stdout().paper())
    };
    out::print(&text)?;
    Ok(Exit::Success)
}

fn listed_json(listed: &Listed) -> Value {
    json!({
        "name": listed.name,
        "title": listed.title,
        "description": listed.description,
        "source": listed.source.path(),
        "profile": listed.profile,
        "extends": listed.extends,
        "workflow": listed.workflow,
    })
}

fn show(
    dirs: &Dirs,
    presets: &Presets,
    name: &str,
    workflow: Option<PathBuf>,
    json: bool,
) -> Result<Exit, Failure> {
    let config = Config::load(dirs).map_err(Failure::usage)?;
    let target = OpenRequest { preset: Some(name), workflow: workflow.as_deref(), ..OpenRequest::default() };
    let opening =
        open::open(&config, presets, &Schemas::new(dirs).converting(), &target).map_err(Failure::usage)?;
    for found in &opening.diagnostics {
        out::note(format!("comfydeck: {}", scrub_plain(&found.to_string())));
    }
    let Some(preset) = &opening.preset else { return Ok(Exit::Success) };
    let head = [
        ("name", preset.name.clone()),
        ("title", preset.title.clone()),
        ("description", preset.description.clone()),
        ("source", preset.source.shown(&preset.name)),
        ("workflow", opening.workflow.source.shown()),
        ("profile", preset.profile.clone().unwrap_or_default()),
    ];
    let text = if json {
        let mut object = json!({});
        for (name, text) in head {
            object[name] = Value::from(text);
        }
        put_layer(&mut object, &opening.layer);
        format!("{object}\n")
    } else {
        let rows = head.into_iter().filter(|(_, text)| !text.is_empty());
        let rows: Vec<_> = rows.map(|(name, text)| [name.to_owned(), scrub_plain(&text)]).collect();
        format!("{}\n{}", columns(&rows), columns(&settings(&opening.layer)))
    };
    out::print(&text)?;
    Ok(Exit::Success)
}

fn put_layer(object: &mut Value, layer: &Layer) {
    let (mut params, mut files) = (json!({}), json!({}));
    for (key, setting) in layer.settings.iter().filter(|(key, _)| !layer.of_form.contains(*key)) {
        match setting {
            Setting::Value(value) => params[key.as_str()] = value.clone(),
            Setting::File(path) => files[key.as_str()] = Value::from(path.to_string_lossy()),
        }
    }
    let aliases: IndexMap<_, _> = layer.aliases.iter().map(|(name, key)| (name, key.as_str())).collect();
    let seeds: IndexMap<_, _> =
        layer.seeds.iter().map(|(key, policy)| (key.as_str(), policy.word())).collect();
    object["params"] = params;
    object["files"] = files;
    object["aliases"] = json!(aliases);
    object["seeds"] = json!(seeds);
}

/// Key, value and alias of everything that is set.
fn settings(layer: &Layer) -> Vec<[String; 3]> {
    let alias = |key| layer.aliases.iter().find(|(_, known)| *known == key).map(|(name, _)| name.clone());
    let mut rows: Vec<[String; 3]> = Vec::new();
    for (key, setting) in layer.settings.iter().filter(|(key, _)| !layer.of_form.contains(*key)) {
        let text = match setting {
            Setting::Value(value) => value::text(value).replace('\n', "⏎"),
            Setting::File(path) => format!("file {}", path.display()),
        };
        let alias = alias(key).map_or_else(String::new, |name| format!("({name})"));
        rows.push([scrub_plain(key.as_str()), scrub_plain(&alias), scrub_plain(&text)]);
    }
    for (key, policy) in layer.seeds.iter().filter(|(_, policy)| **policy != SeedPolicy::Fixed) {
        rows.push([scrub_plain(key.as_str()), String::new(), format!("{} at each run", policy.word())]);
    }
    rows
}

fn new(
    presets: &Presets,
    name: &str,
    workflow: Option<PathBuf>,
    from: Option<String>,
) -> Result<Exit, Failure> {
    check_name(name).map_err(Failure::usage)?;
    let path = match (from, workflow) {
        (Some(from), _) => {
            let from = presets.open(&from).map_err(Failure::usage)?;
            presets.save_as(Some(&from), name, None, &Edits::default(), false)
        }
        (None, Some(workflow)) => {
            let source = WorkflowSource::File(workflow);
            let opened = open::workflow(&source).map_err(Failure::usage)?;
            out::warn(&opened.diagnostics);
            opened.notes().for_each(out::note);
            presets.begin(name, &source, &preset::sketch(&opened.params))
        }
        (None, None) => {
            return Err(Failure::usage("a preset needs a workflow: --workflow FILE, or --from PRESET"));
        }
    };
    let path = path.map_err(Failure::usage)?;
    out::print(&format!("{}\n", path.display()))?;
    Ok(Exit::Success)
}

/// A preset with a file of its own; unless `force`, an error when another preset extends it.
fn own(presets: &Presets, name: &str, force: bool) -> Result<Listed, Failure> {
    let all = presets.list().map_err(Failure::usage)?;
    // An invalid name gets the usual message.
    let Some(found) = all.iter().find(|listed| listed.name == name) else {
        presets.open(name).map_err(Failure::usage)?;
        return Err(Failure::usage(format!(
            "`{name}` is a path; name the preset as `comfydeck presets list` does"
        )));
    };
    let upon: Vec<&str> = all
        .iter()
        .filter(|listed| listed.name != name && listed.extends.as_deref() == Some(name))
        .map(|listed| listed.name.as_str())
        .collect();
    if !upon.is_empty() && !force {
        let upon = upon.join(", ");
        return Err(Failure::usage(format!(
            "`{name}` stays as it is: {upon} extends it. Change that first, or add --force"
        )));
    }
    Ok(found.clone())
}

/// Rows with aligned columns; the last column is not padded.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0));
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for (column, text) in row.iter().enumerate() {
            line.push_str(text);
            line.extend(std::iter::repeat_n(' ', widths[column] - width(text) + 2));
        }
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}
