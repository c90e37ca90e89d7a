//! Notices about runs that ended, whether or not the list shows them and whoever queued them.

use crate::domain::{RunId, Status};
use crate::tui::command::Keymap;
use crate::tui::effect::{Effect, Effects, Operation, Question};
use crate::tui::model::Model;
use crate::tui::msg::EndedRun;
use crate::tui::notice::{Lasts, Notice, Subject, Tone, counted};
use crate::tui::text;

/// Requests the ends of runs that are no longer open.
pub fn watch(model: &mut Model, effects: &mut Effects) {
    let pane = &mut model.runs;
    let ended: Vec<RunId> = pane.watched.difference(&pane.open.ids).copied().collect();
    pane.watched.clone_from(&pane.open.ids);
    if !ended.is_empty() {
        effects.push(Effect::Ask(Question::Ended(ended)));
        effects.push(Effect::Ask(Question::Today));
    }
}

/// Runs that were sent again are held against the first ones.
pub fn replayed(ended: &[EndedRun]) -> impl Iterator<Item = Effect> {
    let pair =
        |ended: &EndedRun| (ended.run.status == Status::Done).then_some((ended.run.id, ended.repeats?));
    ended.iter().filter_map(move |ended| {
        let (run, first) = pair(ended)?;
        Some(Effect::Do(Operation::CompareReplay { run, first }))
    })
}

/// Shows the ends, failures last, since the last notice stays visible.
pub fn ended(model: &mut Model, mut ended: Vec<EndedRun>, keys: &Keymap) {
    // A run queued after the history was read is not in the list of open ones, but has not ended.
    let open = ended.iter().map(|ended| &ended.run).filter(|run| !run.status.is_end());
    model.runs.watched.extend(open.map(|run| run.id));
    ended.retain(|ended| ended.run.status.is_end());
    ended.sort_by_key(|ended| (Tone::Run(ended.run.status).is_bad(), ended.run.id));
    for ended in ended {
        let notice = notice_of(model, &ended, keys);
        let is_bad = notice.tone.is_bad();
        match &model.notice {
            Some(shown) if is_bad || matches!(shown.about, Some(Subject::Run(_))) => model.tell(notice),
            // An error about something else stays until it is read.
            Some(Notice { lasts: Lasts::Esc, .. }) => model.keep(notice),
            // What a key was answered a moment ago is read first: how much a choice saved, say.
            Some(Notice { lasts: Lasts::Until(_), .. }) => model.tell_next(notice),
            Some(Notice { lasts: Lasts::NextKey, .. }) | None => model.tell(notice),
        }
    }
}

fn notice_of(model: &Model, ended: &EndedRun, keys: &Keymap) -> Notice {
    let run = &ended.run;
    let mut text = format!("Run {} {}", run.id, run.status.word());
    if run.status == Status::Done {
        text += &format!(" in {}", text::took(run.elapsed_ms(model.now)));
        if run.outputs > 1 {
            text += &format!(", {}", counted(run.outputs, "output"));
        }
        if let Some(earlier) = ended.same_as {
            text += &format!(": the same picture as run {earlier}");
        }
    }
    // After a cancel the reason is known.
    if run.status != Status::Cancelled && !run.error.is_empty() {
        text += &format!(": {}", run.error);
    }
    let mut notice = Notice::news(Tone::Run(run.status), text, model.now).about(Subject::Run(run.id));
    if run.status == Status::Done {
        // Visible until a key is pressed, for people who come back later.
        notice.lasts = Lasts::NextKey;
    }
    if notice.tone.is_bad() {
        notice.advice = if model.runs.list.selected == Some(run.id) {
            format!("{} shows details", keys.hint("go-details"))
        } else {
            format!("{} shows the runs", keys.hint("go-runs"))
        };
    }
    notice
}
