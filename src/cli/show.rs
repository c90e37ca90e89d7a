//! `comfydeck show RUN`: shows everything known about a run.

use clap_complete::ArgValueCandidates;

use super::complete;
use super::console::Console;
use super::run_arg::RunArg;
use super::{Exit, Failure, history, out};
use crate::config::Dirs;
use crate::domain::lineage::Lineage;
use crate::domain::{Run, RunId, Workflow, param};
use crate::library::presets::Presets;
use crate::report::copy_as::CopyAs;
use crate::report::human::{self, Labels};
use crate::report::{json, lineage as tree};
use crate::runner;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's number, or `last`
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(complete::runs))]
    pub run: RunArg,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Draw its outputs instead; in a pipe, print their paths
    #[arg(long, conflicts_with = "json")]
    pub preview: bool,
    /// Print it as something to paste: a `comfydeck run` line, a curl line, a preset, or workflow_api.json with its values
    #[arg(long = "as", value_name = "FORM", value_parser = form, conflicts_with_all = ["json", "preview"])]
    pub form: Option<CopyAs>,
}

fn form(word: &str) -> Result<CopyAs, String> {
    CopyAs::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = CopyAs::ALL.into_iter().map(CopyAs::word).collect();
        format!("expected one of {}", words.join(", "))
    })
}

/// Shows a run.
///
/// # Errors
/// When there is no such run, or stdout cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (dirs, store) = history::open()?;
    let run = args.run.find(&store)?;
    if args.preview {
        let files: Vec<_> = run.outputs.iter().map(|output| output.path.clone()).collect();
        if files.is_empty() {
            return Err(Failure::new(Exit::Failed, format!("run {} has no output to draw", run.id)));
        }
        return super::preview::draw(&files, None);
    }
    if let Some(form) = args.form {
        let text = runner::copied(&store, &run, form).map_err(Failure::usage)?;
        out::print(&format!("{}\n", text.trim_end()))?;
        return Ok(Exit::Success);
    }
    let workflow = history::workflow_of(&store, &run)?;
    let noted = store.noted(run.id)?;
    let lineage = store.lineage(run.id)?;
    let text = if args.json {
        let names = workflow.as_ref().map(param::names).unwrap_or_default();
        let ran = run.result.as_ref().and_then(|result| result.prompt_sha256.as_deref());
        let prompt = ran.map(|hash| store.workflow(hash)).transpose()?.flatten();
        format!("{}\n", json::run(&run, &noted, &lineage, &names, prompt.as_deref()))
    } else {
        let labels = workflow.map(|workflow| labels(&dirs, &run, &workflow)).unwrap_or_default();
        let brief = store.briefs(&[run.id])?.pop().map(|(_, brief)| brief);
        let page = human::details(
            &run,
            &noted,
            brief.as_ref(),
            &labels,
            &history::moment(),
            Console::stdout().paper(),
        );
        page + &tree(run.id, &lineage)
    };
    out::print(&text)?;
    Ok(Exit::Success)
}

/// The tree of the runs that it came from and that came of it; empty where there are none.
fn tree(run: RunId, lineage: &Lineage) -> String {
    if lineage.is_empty() {
        return String::new();
    }
    let branches = tree::tree(run, "", lineage);
    let lines = branches.iter().map(tree::Branch::line).chain(tree::more(lineage));
    let lines: String = lines.map(|line| format!("  {line}\n")).collect();
    format!("\nlineage\n{lines}")
}

/// What the screen calls the run's parameters: the aliases of its preset, where that is still there, else what they are
/// for, else the name of the input.
fn labels(dirs: &Dirs, run: &Run, workflow: &Workflow) -> Labels {
    let params = param::parameters(workflow);
    let mut labels: Labels = params.iter().map(|param| (param.key.clone(), param.label.clone())).collect();
    labels.extend(param::names(workflow).into_iter().map(|(key, name)| (key, name.to_owned())));
    let working = std::env::current_dir().unwrap_or_default();
    let preset = run.request.preset.as_deref();
    if let Some(preset) = preset.and_then(|name| Presets::new(dirs, &working).open(name).ok()) {
        let (layer, _) = preset.layer(&params);
        labels.extend(layer.aliases.into_iter().map(|(alias, key)| (key, alias)));
    }
    labels
}
