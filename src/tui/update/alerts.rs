//! Tells a person who looks elsewhere: what the window's title says, and which ends of runs ring or go to the desktop.

use crate::domain::Status;
use crate::domain::batch::Batch;
use crate::tui::effect::{Effect, Effects, ScreenEffect};
use crate::tui::model::Model;
use crate::tui::msg::EndedRun;
use crate::tui::notice::counted;
use crate::tui::terminal::window::{Alert, Bar, WindowState};
use crate::tui::text;

/// The title changes in steps of so many percent.
const STEP: u8 = 5;

/// What the window shows outside of the screen.
pub fn window(model: &Model) -> WindowState {
    let (settings, open) = (&model.alerts.settings, &model.runs.open);
    let percent = open.percent.map(|percent| percent - percent % STEP);
    let work = match (open.in_flight, open.queued, open.held) {
        (0, 0, 0) => None,
        (0, 0, held) => Some(format!("{held} held")),
        (0, queued, _) => Some(format!("{queued} queued")),
        (running, ..) => {
            let percent = percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
            Some(format!("{running} running{percent}"))
        }
    };
    let title = work.map_or("comfydeck".to_owned(), |work| format!("{work} · comfydeck"));
    let bar = (open.in_flight > 0).then(|| percent.map_or(Bar::Busy, Bar::Percent));
    WindowState { title: settings.title.then_some(title), bar: bar.filter(|_| settings.taskbar) }
}

/// Something that ended, as it is told.
struct News {
    status: Status,
    title: String,
    text: String,
}

/// Rings, or tells the desktop of runs that have ended; of a batch when its last run has.
pub fn ended(model: &mut Model, ended: &[EndedRun], effects: &mut Effects) {
    let mut news: Vec<News> = Vec::new();
    for one in ended.iter().filter(|one| one.run.status.is_end()) {
        let took = match (&one.batch, one.run.batch) {
            (Some(batch), _) => model.now - batch.queued_at,
            // The others of its batch are at work.
            (None, Some(_)) => continue,
            (None, None) => one.run.elapsed_ms(model.now),
        };
        let after = i64::try_from(model.alerts.settings.after_seconds).unwrap_or(i64::MAX);
        if took / 1_000 < after {
            continue;
        }
        match &one.batch {
            None => news.push(of_run(one, took)),
            Some(batch) if model.alerts.is_news(batch) => news.push(of_batch(batch, took)),
            Some(_) => {}
        }
    }
    let settings = &model.alerts.settings;
    if settings.unfocused && !model.alerts.is_away(model.now) {
        return;
    }
    let bell = news.iter().any(|one| settings.bell.contains(&one.status));
    let desktop: Vec<&News> = news.iter().filter(|one| settings.desktop.contains(&one.status)).collect();
    let (title, text) = match desktop[..] {
        [] => (String::new(), String::new()),
        [one] => (one.title.clone(), one.text.clone()),
        // Many at once are one sentence.
        [first, ..] => (format!("{}, and {} more", first.title, desktop.len() - 1), first.text.clone()),
    };
    if bell || !desktop.is_empty() {
        let alert = Alert { bell, desktop: !desktop.is_empty(), title, text };
        effects.push(Effect::Screen(ScreenEffect::Alert(alert)));
    }
}

fn of_run(ended: &EndedRun, took: i64) -> News {
    let run = &ended.run;
    let text = if run.error.is_empty() { run.prompt.clone() } else { run.error.clone() };
    News {
        status: run.status,
        title: format!("Run {} {} in {}", run.id, run.status.word(), text::took(took)),
        text,
    }
}

fn of_batch(batch: &Batch, took: i64) -> News {
    let worst = [Status::Lost, Status::Failed, Status::Cancelled];
    let status = worst.into_iter().find(|status| batch.count(|one| one == *status) > 0);
    let counts = batch.counts.iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(status, count)| format!("{count} {}", status.word())).collect();
    News {
        status: status.unwrap_or(Status::Done),
        title: format!("Batch {} ended in {}", batch.id, text::took(took)),
        text: format!("{}: {}", counted(batch.runs(), "run"), counts.join(", ")),
    }
}
