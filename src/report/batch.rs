//! Batches as text and JSON: what one will be and cost, and how far it is.

use serde_json::{Map, Value, json};
use unicode_width::UnicodeWidthStr;

use super::table::{Column, Paper, Tone, cell, table};
use super::text::{cut, duration, thousands};
use crate::domain::batch::{Batch, Combine, Outline};
use crate::domain::run::UnixMs;
use crate::domain::spend::{Forecast, Usual};
use crate::domain::{RunSummary, Status};
use crate::wire::ansi::scrub_plain;

/// Columns of a value in a line about a run.
const VALUE: usize = 40;

/// An amount of money, in as many digits as tell small ones apart: `12.40`, `0.035`.
pub fn money(amount: f64) -> String {
    if amount > 0.0 && amount < 0.1 { format!("{amount:.3}") } else { format!("{amount:.2}") }
}

/// Which runs a batch has: `cfg (4) × seed (4)`, and with `+` what goes together.
pub fn axes(outline: &Outline) -> String {
    let sign = match outline.combine {
        Combine::Grid => " × ",
        Combine::Zip => " + ",
    };
    let axis = |axis: &crate::domain::batch::AxisOutline| {
        format!("{} ({})", scrub_plain(&axis.name), thousands(axis.values.len()))
    };
    outline.axes.iter().map(axis).collect::<Vec<_>>().join(sign)
}

/// The values of each axis, a line each: what a range or a file came to.
pub fn axis_values(outline: &Outline) -> String {
    /// Most values that are shown of an axis before its last one.
    const MOST: usize = 8;
    let text = |value: &String| match cut(&scrub_plain(value), VALUE) {
        empty if empty.is_empty() => "(empty)".to_owned(),
        value => value,
    };
    let line = |axis: &crate::domain::batch::AxisOutline| {
        let mut shown: Vec<String> = axis.values.iter().take(MOST).map(text).collect();
        if let Some(last) = axis.values.get(MOST..).and_then(<[String]>::last) {
            let between = axis.values.len() - MOST - 1;
            if between > 0 {
                shown.push(format!("({} more)", thousands(between)));
            }
            shown.push(text(last));
        }
        format!("{}: {}\n", scrub_plain(&axis.name), shown.join(", "))
    };
    outline.axes.iter().map(line).collect()
}

/// `16 runs`.
pub fn runs(count: usize) -> String {
    if count == 1 { "1 run".to_owned() } else { format!("{} runs", thousands(count)) }
}

/// What runs will take and cost, as far as it is known: `about 3:20, about 0.42; a cold start adds 1:10 and 0.08`.
pub fn forecast(forecast: &Forecast) -> String {
    let cost = forecast.cost.map(|cost| format!(", about {}", money(cost))).unwrap_or_default();
    let Some(ms) = forecast.ms else {
        return "how long they take is not known before a run of this workflow has ended".to_owned();
    };
    let cold_start = forecast.cold_start.map(|(ms, cost)| {
        let cost = cost.map(|cost| format!(" and {}", money(cost))).unwrap_or_default();
        format!("; a cold start adds {}{cost}", duration(ms))
    });
    format!("about {}{cost}{}", duration(ms), cold_start.unwrap_or_default())
}

/// That batches were removed whose program was killed while it queued them; `None` when there was none.
pub fn interrupted(removed: usize) -> Option<String> {
    let what = match removed {
        0 => return None,
        1 => "a batch was",
        _ => "batches were",
    };
    let it = if removed == 1 { "it" } else { "them" };
    Some(format!(
        "comfydeck was killed while {what} being queued: nothing of {it} was sent, and what was there is removed. Start {it} again"
    ))
}

/// How far a batch is, and what it has cost: `5 of 16 done  1 failed  2 running  held  0:41  0.21`.
pub fn state(batch: &Batch, now: UnixMs) -> String {
    let of = |status| batch.count(|at| at == status);
    let mut parts = vec![format!("{} of {} done", thousands(of(Status::Done)), thousands(batch.runs()))];
    for status in [Status::Failed, Status::Lost, Status::Cancelled] {
        if of(status) > 0 {
            parts.push(format!("{} {}", thousands(of(status)), status.word()));
        }
    }
    let working = batch.count(Status::is_in_flight);
    if working > 0 {
        parts.push(format!("{working} running"));
    }
    let waiting = of(Status::Queued) - batch.held.map_or(0, |(_, held)| held);
    if waiting > 0 {
        parts.push(format!("{} queued", thousands(waiting)));
    }
    if let Some((hold, held)) = batch.held {
        parts.push(format!("{} {}", thousands(held), hold.why()));
    }
    let cost = batch.cost(now);
    if cost > 0.0 {
        let most = batch.most_cost.map(|most| format!(" of {} at the most", money(most))).unwrap_or_default();
        parts.push(format!("{} spent{most}", money(cost)));
    }
    parts.join("  ")
}

/// Milliseconds until the queued and running runs of a batch have ended, reckoned from how long its runs usually take.
pub fn time_left(batch: &Batch, usual: Option<Usual>, at_once: u32, now: UnixMs) -> Option<i64> {
    let run_ms = usual?.run_ms;
    let waiting = batch.count(|status| status == Status::Queued) - batch.held.map_or(0, |(_, held)| held);
    let in_flight = batch.in_flight.iter().map(|(since, _)| (run_ms - (now - since)).max(0)).sum::<i64>();
    let all = run_ms.saturating_mul(i64::try_from(waiting).unwrap_or(i64::MAX)).saturating_add(in_flight);
    (waiting > 0 || !batch.in_flight.is_empty()).then(|| all / i64::from(at_once.max(1)))
}

/// The values that tell a run from the others of its batch: `cfg 6, seed 4711`.
pub fn values(outline: &Outline, place: usize) -> String {
    let value = |(name, value): (&str, &str)| {
        let value = cut(&scrub_plain(value), VALUE);
        format!("{} {}", scrub_plain(name), if value.width() == 0 { "(empty)".to_owned() } else { value })
    };
    outline.values(place).into_iter().map(value).collect::<Vec<_>>().join(", ")
}

const RUNS: [Column; 6] = [
    Column::right("RUN"),
    Column::left("STATUS"),
    Column::left("VALUES"),
    Column::right("TOOK"),
    Column::right("COST"),
    Column::left("WHY"),
];

/// The runs of a batch, a line each.
pub fn table_of_runs(runs: &[RunSummary], outline: &Outline, paper: Paper) -> String {
    let row = |run: &RunSummary| {
        let ms = run.ended_at.filter(|_| run.started_at.is_some()).map(|at| run.elapsed_ms(at));
        let cost = ms.zip(run.cost_per_second).map(|(ms, rate)| money(crate::domain::spend::cost(ms, rate)));
        let status = format!("{} {}", run.status.sign(), run.status.word());
        [
            cell(run.id.to_string(), Tone::Strong),
            cell(status, Tone::Status(run.status)),
            cell(values(outline, run.batch.map_or(0, |at| at.place)), Tone::Plain),
            cell(ms.map(duration).unwrap_or_default(), Tone::Quiet),
            cell(cost.unwrap_or_default(), Tone::Quiet),
            cell(scrub_plain(&run.error), Tone::Plain),
        ]
    };
    table(RUNS, &runs.iter().map(row).collect::<Vec<_>>(), paper)
}

/// The line for a run that has ended: `✓  run 105  cfg 6, seed 4711  0:12  0.01`.
pub fn ended(run: &RunSummary, outline: &Outline) -> String {
    let place = run.batch.map_or(0, |at| at.place);
    let mut line = format!("{} run {}  {}", run.status.sign(), run.id, values(outline, place));
    if let Some(at) = run.ended_at.filter(|_| run.started_at.is_some()) {
        let ms = run.elapsed_ms(at);
        line += &format!("  {}", duration(ms));
        if let Some(rate) = run.cost_per_second {
            line += &format!("  {}", money(crate::domain::spend::cost(ms, rate)));
        }
    }
    if !run.error.is_empty() {
        line += &format!("  {}", scrub_plain(&run.error));
    }
    line
}

/// `batch`: what will be run, and with its number once it is queued.
pub fn json(batch: Option<i64>, outline: &Outline, forecast: &Forecast, most_cost: Option<f64>) -> Value {
    json!({
        "event": "batch",
        "batch": batch,
        "runs": forecast.runs,
        "combine": outline.combine,
        "axes": outline.axes,
        "expected_ms": forecast.ms,
        "expected_cost": forecast.cost,
        "cold_start_ms": forecast.cold_start.map(|(ms, _)| ms),
        "cold_start_cost": forecast.cold_start.and_then(|(_, cost)| cost),
        "max_cost": most_cost,
    })
}

/// How far a batch is.
pub fn json_state(event: &str, batch: &Batch, now: UnixMs) -> Value {
    let counts: Map<String, Value> =
        batch.counts.iter().map(|(status, count)| (status.word().to_owned(), (*count).into())).collect();
    json!({
        "event": event,
        "batch": batch.id,
        "at": now,
        "queued_at": batch.queued_at,
        "runs": batch.runs(),
        "statuses": counts,
        "held": batch.held.map_or(0, |(_, held)| held),
        "held_because": batch.held.map(|(hold, _)| hold.word()),
        "worked_ms": batch.worked_ms,
        "cost": batch.cost(now),
        "max_cost": batch.most_cost,
    })
}

/// The fields that each event of a run of a batch has beside its own.
pub fn json_place(run: &RunSummary, outline: &Outline) -> Map<String, Value> {
    let Some(at) = run.batch else { return Map::new() };
    let axes: Map<String, Value> = outline
        .values(at.place)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    [
        ("batch".to_owned(), at.batch.into()),
        ("index".to_owned(), at.place.into()),
        ("axes".to_owned(), axes.into()),
    ]
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::batch::Hold;

    #[test]
    fn money_has_as_many_digits_as_tell_small_amounts_apart() {
        assert_eq!([0.0, 0.0351, 0.42, 12.4].map(money), ["0.00", "0.035", "0.42", "12.40"]);
    }

    #[test]
    fn a_batch_says_what_it_did_and_why_it_does_no_more() {
        let batch = Batch {
            counts: vec![(Status::Queued, 9), (Status::Running, 2), (Status::Done, 4), (Status::Failed, 1)],
            held: Some((Hold::BatchCost, 9)),
            most_cost: Some(0.5),
            spent: 0.4,
            in_flight: vec![(1_000, 0.01), (1_000, 0.01)],
            ..Batch::default()
        };
        assert_eq!(
            state(&batch, 3_000),
            "4 of 16 done  1 failed  2 running  9 held: the batch's cost ceiling is reached  0.44 spent of 0.50 at the most"
        );
        let usual = Some(Usual { run_ms: 10_000, cold_start_ms: None });
        assert_eq!(time_left(&batch, usual, 2, 3_000), Some(8_000));
    }

    #[test]
    fn a_forecast_says_what_it_does_not_know() {
        let usual = Some(Usual { run_ms: 10_000, cold_start_ms: Some(70_000) });
        let told = |forecast: Forecast| super::forecast(&forecast);
        assert_eq!(
            told(Forecast::new(16, usual, 2, Some(0.002))),
            "about 1:20, about 0.32; a cold start adds 1:10 and 0.14"
        );
        assert_eq!(told(Forecast::new(16, usual, 2, None)), "about 1:20; a cold start adds 1:10");
        assert!(told(Forecast::new(16, None, 2, Some(1.0))).starts_with("how long they take is not known"));
    }
}
