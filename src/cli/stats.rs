//! `comfydeck stats`: what runs took and cost, and what the history takes on disk.

use serde_json::{Value, json};

use super::console::Console;
use super::{Exit, Failure, dirs, out};
use crate::config::Config;
use crate::domain::search::ago;
use crate::domain::stats::Sum;
use crate::report::batch::money;
use crate::report::table::{Cell, Column, Tone, cell, table};
use crate::report::text::{bytes, duration, thousands, took};
use crate::store::{By, Store, now};
use crate::wire::ansi::scrub_plain;

const COLUMNS: [Column; 11] = [
    Column::left("OF").at_most(40),
    Column::right("RUNS"),
    Column::right("DONE"),
    Column::right("FAILED"),
    Column::right("TIME"),
    Column::right("COST"),
    Column::right("USUAL"),
    Column::right("COLD STARTS"),
    Column::right("IN QUEUE"),
    Column::right("UPLOAD"),
    Column::right("DOWNLOAD"),
];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Runs that were sent no longer ago than this: 12h, 30d, 8w
    #[arg(long, value_name = "AGE", value_parser = age, default_value = "30d")]
    pub since: i64,
    /// Add up by day, preset, workflow, profile or batch
    #[arg(long, value_name = "WHAT", value_parser = by, default_value = "day")]
    pub by: By,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

fn age(text: &str) -> Result<i64, String> {
    ago(text).ok_or_else(|| "an age is a number with h, d or w: 12h, 30d, 8w".to_owned())
}

fn by(text: &str) -> Result<By, String> {
    let words = By::ALL.map(By::word).join(", ");
    By::ALL.into_iter().find(|by| by.word() == text).ok_or_else(|| format!("runs are added up by {words}"))
}

/// Shows it.
///
/// # Errors
/// When the history cannot be read, or stdout cannot be written.
pub fn main(args: &Args) -> Result<Exit, Failure> {
    let dirs = dirs()?;
    let store = Store::open(&dirs)?;
    let (sums, all) = store.stats(now().saturating_sub(args.since), args.by, now())?;
    if args.json {
        let lines = sums.iter().map(|(name, sum)| line(args.by.word(), name, sum));
        let lines: String = lines.chain([line("all", "", &all)]).map(|line| format!("{line}\n")).collect();
        out::print(&lines)?;
        return Ok(Exit::Success);
    }
    if all.runs == 0 {
        out::note("nothing was sent in that time");
    } else {
        let total = (sums.len() > 1).then(|| row("all", &all));
        let rows: Vec<[Cell; 11]> = sums.iter().map(|(name, sum)| row(name, sum)).chain(total).collect();
        out::print(&table(COLUMNS, &rows, Console::stdout().paper()))?;
    }
    warmth(&dirs, &store)?;
    let disk = store.disk_use()?;
    out::note(format!(
        "on disk: history {}, logs {}, inputs {}; {} outputs {}",
        bytes(disk.database),
        bytes(disk.logs),
        bytes(disk.inputs),
        thousands(disk.output_files),
        bytes(disk.outputs)
    ));
    Ok(Exit::Success)
}

/// How long the deployments of the profiles stay warm, where that was learned.
fn warmth(dirs: &crate::config::Dirs, store: &Store) -> Result<(), Failure> {
    let Ok(config) = Config::load(dirs) else { return Ok(()) };
    for profile in config.profiles.values() {
        let Some(warmth) = store.warmth(&profile.url)? else { continue };
        let now = now();
        let told = match warmth.until() {
            None => "warm: a run is at work".to_owned(),
            Some(until) if until > now => format!("warm for {} more", duration(until - now)),
            Some(_) => "may be cold".to_owned(),
        };
        let cold =
            warmth.cold_after_ms.map_or_else(String::new, |ms| format!(", was cold after {}", duration(ms)));
        out::note(format!(
            "{}: {told}. It stayed warm for {}{cold}",
            profile.name,
            duration(warmth.stays_ms)
        ));
    }
    Ok(())
}

fn line(by: &str, name: &str, sum: &Sum) -> Value {
    let (cold_starts, cold_start_ms) = sum.cold_starts();
    json!({
        "by": by,
        "name": name,
        "runs": sum.runs,
        "done": sum.done,
        "failed": sum.failed,
        "duration_ms": sum.worked_ms,
        "cost": sum.cost,
        "run_ms": sum.run_ms(),
        "cold_starts": cold_starts,
        "cold_start_ms": cold_start_ms,
        "queue_ms": sum.queue_ms(),
        "upload_ms": sum.upload_ms(),
        "download_ms": sum.download_ms(),
    })
}

fn row(name: &str, sum: &Sum) -> [Cell; 11] {
    let (count, cold) = sum.cold_starts();
    let name = if name.is_empty() { "none".to_owned() } else { scrub_plain(name) };
    let number = |text: String| cell(text, Tone::Plain);
    [
        cell(name, Tone::Strong),
        number(thousands(sum.runs)),
        number(thousands(sum.done)),
        number(thousands(sum.failed)),
        number(duration(sum.worked_ms)),
        number(sum.cost.map(money).unwrap_or_default()),
        number(sum.run_ms().map(took).unwrap_or_default()),
        number(cold.map_or_else(String::new, |ms| format!("{count} × {}", took(ms)))),
        number(sum.queue_ms().map(took).unwrap_or_default()),
        number(sum.upload_ms().map(took).unwrap_or_default()),
        number(sum.download_ms().map(took).unwrap_or_default()),
    ]
}
