//! The top line: what is open, where it runs, how much is under way.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint::{put, put_right, without_right};
use crate::domain::run::shown_url;
use crate::domain::run::{Connection, ConnectionSince};
use crate::domain::spend::queue_left;
use crate::tui::model::Model;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::watching::{MOST_RUNS, Watching};

/// From this width on there is room for a sentence.
const ROOMY: u16 = 110;

pub(super) fn draw(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let right = put_right(buffer, inner, area.y, &under_way(model), theme.quiet);
    let (place, style) = match &model.open.profile {
        Some(_) if model.demo && area.width < ROOMY => ("a demo".to_owned(), theme.patience),
        Some(_) if model.demo => ("a demo: nothing leaves this machine".to_owned(), theme.patience),
        Some(profile) if profile.name.is_empty() => (shown_url(&profile.url).to_owned(), theme.text),
        Some(profile) if profile.trust.insecure => (format!("{} · insecure TLS", profile.name), theme.bad),
        Some(profile) => (profile.name.clone(), theme.text),
        None => ("no profile".to_owned(), theme.bad),
    };
    let place_area = without_right(inner, inner.right().saturating_sub(right) + 2);
    let (connection_text, connection_style) = connection(model, theme);
    let right = put_right(buffer, place_area, area.y, &connection_text, connection_style);
    let gap = if connection_text.is_empty() { 0 } else { 1 };
    let place_area = without_right(place_area, place_area.right().saturating_sub(right) + gap);
    let right = put_right(buffer, place_area, area.y, &place, style);
    let left = without_right(inner, inner.right().saturating_sub(right) + 2);
    let x = put(buffer, left, left.x, area.y, "comfydeck", theme.accent) + 3;
    let x = put(buffer, left, x, area.y, &model.open.workflow_name(), theme.text);
    let preset = &model.draft.preset().name;
    let x = if preset.is_empty() {
        x
    } else {
        put(buffer, left, x, area.y, &format!(" ▸ {preset}"), theme.text)
    };
    let x = if model.draft.changes() > 0 { put(buffer, left, x, area.y, " •", theme.accent) } else { x };
    let x = if model.send_workflow { put(buffer, left, x, area.y, "  sent along", theme.quiet) } else { x };
    if let Some(Watching { ran, waits, .. }) = &model.watching {
        let told = if *waits { ", saved, waits" } else { "" };
        put(buffer, left, x, area.y, &format!("  watching {ran} of {MOST_RUNS}{told}"), theme.accent);
    }
}

/// State of the connection to the profile's server, if it is worth showing.
fn connection(model: &Model, theme: &Theme) -> (String, Style) {
    let profile = model.open.profile.as_ref().map(|profile| profile.name.as_str()).unwrap_or_default();
    match model.runs.open.connections.get(profile) {
        None => (String::new(), theme.quiet),
        Some(ConnectionSince { state: Connection::Reconnecting, since }) => {
            let word = Connection::Reconnecting.word();
            let sign = Connection::Reconnecting.sign();
            (format!("{sign} {word} {}", text::duration(model.now - since)), theme.patience)
        }
        Some(ConnectionSince { state, .. }) => (format!("{} {}", state.sign(), state.word()), theme.quiet),
    }
}

fn under_way(model: &Model) -> String {
    let told = match (model.runs.open.in_flight, model.runs.open.queued) {
        (0, 0) => return warm(model),
        (0, queued) => format!("{queued} queued"),
        (running, 0) => format!("{running} running"),
        (running, queued) => format!("{running} running  {queued} queued"),
    };
    match left(model) {
        Some(left) => format!("{told}  {left}"),
        None => told,
    }
}

/// How long all that is under way takes. Steps of some seconds: a far line carries each change.
fn left(model: &Model) -> Option<String> {
    const STEP_MS: i64 = 5_000;
    if model.size.width < ROOMY {
        return None;
    }
    let profile = model.open.profile.as_deref();
    let at_once = |name: &str| profile.filter(|open| open.name == name).map_or(1, |open| open.concurrency);
    let loads = model.runs.open.loads.iter();
    let loads = loads.map(|((profile, workflow), load)| (profile.as_str(), workflow.as_str(), *load));
    let ms = queue_left(loads, |workflow| model.usual.get(workflow).copied(), at_once, model.now)?;
    let ms = ms / STEP_MS * STEP_MS;
    (ms > 0).then(|| format!("about {} left", text::duration(ms)))
}

/// That nothing is under way, and until when the deployment stays warm. A time of the day, so that it need not be counted
/// down.
fn warm(model: &Model) -> String {
    match (model.warm_until(), &model.warm) {
        (Some(_), Some((_, _, clock))) => format!("idle, warm until {clock}"),
        _ => "idle".to_owned(),
    }
}
