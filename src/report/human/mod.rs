//! Runs as text for a terminal. Texts from servers and files are scrubbed here.

use super::text::{age, bytes, cut, duration, took};
use crate::domain::run::{Connection, Outgoing, RunError, Transfer, UnixMs};
use crate::domain::{ParamKey, Rule, Run, Status, value};
use crate::wire::ansi::{scrub_block, scrub_plain};
use serde_json::Value;

mod pages;

pub use pages::{Labels, Moment, details, list, plain_name};

/// Width of the progress bar in columns.
const BAR: usize = 20;

/// The line for a new run: `run 42  flamingo → prod`.
pub fn started(run: &Run) -> String {
    let request = &run.request;
    let from = request.preset.as_deref().unwrap_or(&request.workflow_name);
    let to = if request.profile.is_empty() { request.shown_url() } else { &request.profile };
    format!("run {}  {} → {}", run.id, scrub_plain(from), scrub_plain(to))
}

/// What is told to whoever leaves the dashboard while runs are open; `command` opens it again.
pub fn still_open(open: usize, command: &str) -> Option<String> {
    match open {
        0 => None,
        1 => Some(format!("1 run goes on; `{command}` shows it\n")),
        open => Some(format!("{open} runs go on; `{command}` shows them\n")),
    }
}

/// What the program set of itself. `name` is what people call the parameter.
pub fn by_program(name: &str, value: &Value, rule: Rule) -> String {
    let text = scrub_plain(&value::text(value));
    let name = scrub_plain(name);
    match rule {
        Rule::Policy(policy) => format!("seed {name} = {text} ({})", policy.word()),
        Rule::AtEnd(policy) => {
            format!(
                "seed {name} stays {text}: `{}` is at the end of its range. Set another seed or policy",
                policy.word()
            )
        }
        Rule::NewSeed => format!("nothing was set, so the seed was changed: {name} = {text}"),
        Rule::AsItStands => format!(
            "no value was set, and the server rejects a request without one: {name} = {text} is sent unchanged"
        ),
        Rule::Brought => format!("{name} = {text} comes with the choice"),
    }
}

/// That a text was made of a template.
pub fn expanded(key: &ParamKey, template: &str) -> String {
    format!("{key} was expanded from {}", scrub_plain(template))
}

/// What a run would send.
pub fn outgoing(outgoing: &Outgoing) -> String {
    let mut text = format!("POST {}\n", scrub_plain(&outgoing.url));
    for (name, value) in &outgoing.headers {
        text += &format!("{name}: {value}\n");
    }
    text += &format!("content-type: {}\n\n", outgoing.content_type);
    for (name, value) in &outgoing.fields {
        text += &format!("{} = {}\n", scrub_plain(name), scrub_block(value));
    }
    for file in &outgoing.files {
        let (part, path) = (scrub_plain(&file.part), scrub_plain(&file.path.to_string_lossy()));
        text +=
            &format!("{part} = file {path} ({}, {})\n", scrub_plain(&file.content_type), bytes(file.size));
    }
    text
}

/// A run's state and progress in one line of at most `width` columns. `typical` is this workflow's
/// usual duration in milliseconds.
pub fn progress(run: &Run, now: UnixMs, typical: Option<i64>, width: usize) -> String {
    let elapsed = run.elapsed_ms(now);
    let mut line = format!("{} {:<11} {:>5}", run.status.sign(), run.status.word(), duration(elapsed));
    let more = match run.status {
        Status::Uploading => run.upload.map(transfer),
        Status::Downloading => run.download.map(transfer),
        Status::Waiting if run.queue.is_some() => run.queue.map(place_in_queue),
        Status::Waiting => Some("no response yet: a cold start can take minutes".to_owned()),
        Status::Running => run.progress.as_ref().map(|progress| {
            let left = progress.seconds_left.and_then(|s| i64::try_from(s).ok());
            let left =
                left.map_or(String::new(), |s| format!("  {} left", duration(s.saturating_mul(1_000))));
            let label =
                if progress.label.is_empty() { String::new() } else { format!("  {}", progress.label) };
            format!("{} {}/{}{left}{label}", bar(progress.value, progress.max), progress.value, progress.max)
        }),
        _ => None,
    };
    let is_asked = run.cancel_asked.then(|| "cancelling".to_owned());
    let is_reconnecting = run.connection.is_some_and(|now| now.state == Connection::Reconnecting);
    let is_reconnecting = is_reconnecting.then(|| "reconnecting, the run goes on".to_owned());
    let usually = typical
        .filter(|_| run.status.is_in_flight() && more.is_none())
        .map(|ms| format!("usually {}", took(ms)));
    for part in [is_reconnecting, more, usually, is_asked].into_iter().flatten() {
        line.push_str("  ");
        line.push_str(&part);
    }
    cut(&line, width)
}

/// A run's place in its server's queue.
pub fn place_in_queue(before: u64) -> String {
    match before {
        0 => "next in the server's queue".to_owned(),
        1 => "1 run before it".to_owned(),
        more => format!("{more} runs before it"),
    }
}

/// `✓ done  0:41  2 outputs`.
pub fn ended(run: &Run) -> String {
    let took = run.ended_at.map_or(String::new(), |at| format!("  {}", took(run.elapsed_ms(at))));
    let outputs = match run.outputs.len() {
        0 => String::new(),
        1 => "  1 output".to_owned(),
        many => format!("  {many} outputs"),
    };
    format!("{} {}{took}{outputs}", run.status.sign(), run.status.word())
}

/// Why a run failed, in one line with the remedy; empty if it succeeded.
pub fn failure(run: &Run) -> String {
    let failed = run.failed_outputs.len();
    let error = match &run.error {
        Some(error) => sentence(error),
        None if failed > 0 => {
            let first = &run.failed_outputs[0];
            let others = if failed > 1 { format!(" (and {} more)", failed - 1) } else { String::new() };
            let why = format!("{} could not be saved{others}: {}", first.name, first.why);
            let kept = first.kept.as_ref();
            let kept =
                kept.map_or(String::new(), |p| format!(". The part that came is kept in {}", p.display()));
            scrub_plain(&format!("{}{kept}", why.trim_end_matches('.')))
        }
        None if run.status == Status::Done => return String::new(),
        None => String::new(),
    };
    let word = if run.status == Status::Done { "is done, but" } else { run.status.word() };
    let colon = if error.is_empty() || run.status == Status::Done { " " } else { ": " };
    format!("run {} {word}{colon}{error}", run.id).trim_end().to_owned()
}

fn ago(ms: i64) -> String {
    if ms < 60_000 { "just now".to_owned() } else { format!("{} ago", age(ms)) }
}

/// An error and its remedy in one line.
fn sentence(error: &RunError) -> String {
    let what = scrub_plain(&error.what);
    let remedy = scrub_plain(&error.remedy);
    if remedy.is_empty() { what } else { format!("{}. {remedy}", what.trim_end_matches('.')) }
}

fn transfer(transfer: Transfer) -> String {
    match transfer.total {
        Some(total) => format!("{} of {}", bytes(transfer.done), bytes(total)),
        None => bytes(transfer.done),
    }
}

fn bar(value: u64, max: u64) -> String {
    let full = (value.min(max) as f64 / max.max(1) as f64 * BAR as f64) as usize;
    let head = usize::from(full < BAR && full > 0);
    format!("{}{}{}", "━".repeat(full - head), "╸".repeat(head), "╌".repeat(BAR - full))
}

#[cfg(test)]
mod tests;
