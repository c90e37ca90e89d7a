//! The run key: what a press of it means, and how often it is meant.

use super::{explore, submit};
use crate::domain::run::UnixMs;
use crate::tui::command::{Command, Ctx, Scope, Spends, at};
use crate::tui::effect::Effects;
use crate::tui::model::{Model, RunKey};
use crate::tui::notice::Tone;

/// The notice for a key that is held down.
pub(super) const HELD: &str = "Queued once. Release the key, then press again for another run";

/// Milliseconds between two presses that cannot be deliberate: a held key repeats every 20 to 50.
const HELD_MS: i64 = 90;
/// Pause after which the run key is a new one.
const APART_MS: i64 = 1_000;
/// Pause after which a press was not the first repetition of a key that is held down.
const SETTLED_MS: i64 = 250;

pub const RUN: Command = Command {
    places: &[at(Scope::Everywhere, 100)],
    keys: &["ctrl+r", "f5"],
    short: "run",
    long: "Run with the current parameters. Spends money",
    spends: Spends::AtOnce,
    when: submit::can_run,
    ..Command::new("run", run)
};

fn run(model: &mut Model, ctx: &Ctx, effects: &mut Effects) {
    let presses = if model.key_kinds { 1 } else { meant(&mut model.run_key, ctx.now) };
    for _ in 0..presses {
        press(model, effects);
    }
    if presses == 0 && model.run_key.held {
        model.notify(Tone::Plain, HELD);
    }
}

/// What stands on the screen: several runs with their price, where Explore is open, else the draft.
fn press(model: &mut Model, effects: &mut Effects) {
    if explore::run_shown(model, effects) {
        // A press more than was meant would run the draft alone.
        model.run_key.held = true;
    } else {
        submit::run_now(model, effects);
    }
}

/// How many runs a press of the run key means, where the terminal does not tell a held key from one that is pressed again. The
/// first press runs at once. One that comes soon after it may be the first repetition of a held key: it waits, and runs when
/// the next comes no sooner than a person presses, or none comes.
fn meant(key: &mut RunKey, now: UnixMs) -> usize {
    match key.last.replace(now).map(|last| now - last) {
        None | Some(APART_MS..) => {
            key.held = false;
            1 + usize::from(std::mem::take(&mut key.waiting))
        }
        Some(..HELD_MS) => {
            (key.held, key.waiting) = (true, false);
            0
        }
        Some(_) => usize::from(!key.held && std::mem::replace(&mut key.waiting, true)),
    }
}

/// Time has passed: a press that waits is meant.
pub(super) fn tick(model: &mut Model, effects: &mut Effects) {
    let is_settled = model.run_key.last.is_some_and(|last| model.now - last >= SETTLED_MS);
    if is_settled && std::mem::take(&mut model.run_key.waiting) {
        press(model, effects);
    }
}

/// Another key was pressed: one that is held down would have gone on.
pub(super) fn another_key(model: &mut Model, effects: &mut Effects) {
    if std::mem::take(&mut model.run_key).waiting {
        press(model, effects);
    }
}
