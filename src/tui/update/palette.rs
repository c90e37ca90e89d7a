//! The command palette: any command by its name, wherever it works.

use crate::tui::command::{Command, Ctx, Keymap, Scope, Spends, at};
use crate::tui::effect::Effects;
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::{Choosing, Confirm, Confirmed, Overlay, PickerItem};
use crate::tui::pane::Pane;
use crate::tui::panes::gallery::update as gallery;

const PALETTE: &str = "palette";

pub const COMMANDS: &[Command] = &[Command {
    places: &[at(Scope::Everywhere, 0), at(Scope::Panes, 80).named("palette-panes").keys(&[":"])],
    keys: &["ctrl+p"],
    short: "all commands",
    long: "Find any command by its name",
    ..Command::new(PALETTE, |model, ctx, _| {
        model.overlay = Some(Overlay::picker(Choosing::Command, items(model, ctx.keys)));
    })
}];

/// Every command: first what works where the person is, then what works elsewhere.
fn items(model: &Model, keys: &Keymap) -> Vec<PickerItem> {
    let mut items: Vec<PickerItem> = Vec::new();
    for row in keys.rows() {
        let command = row.command;
        let here = command.here(model);
        let place = here.unwrap_or(&command.places[0]);
        let is_meant = row.place.scope == place.scope;
        if is_meant && command.name != PALETTE {
            let keys = row.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            let is_free = command.spends == Spends::Nothing;
            items.push(PickerItem {
                id: command.name.to_owned(),
                label: row.name().to_owned(),
                detail: command.long.to_owned(),
                note: if is_free { keys } else { format!("spends  {keys}") },
                names: [command.short, command.name]
                    .into_iter()
                    .chain(command.places.iter().filter_map(|place| place.name))
                    .collect(),
                elsewhere: here.is_none().then(|| place.scope.title()),
                spends: command.spends == Spends::AtOnce,
                takes_run: command.with_run.is_some(),
                disabled: here.and_then(|_| (command.when)(model).err()),
                ..PickerItem::default()
            });
        }
    }
    items.sort_by_key(|item| item.elsewhere.is_some());
    items
}

/// Does the command that was chosen. One that spends money at once is asked about; one that works elsewhere leads
/// there, where it can be seen what it will be done to.
pub(super) fn chosen(model: &mut Model, item: &PickerItem, ctx: &Ctx, effects: &mut Effects) {
    let Some(command) = ctx.keys.command(&item.id) else { return };
    if let (Some(run), Some(with_run)) = (item.run, command.with_run) {
        return match model.is_settled() {
            Ok(()) => with_run(model, run, effects),
            Err(why) => model.notify(Tone::Plain, why),
        };
    }
    if command.here(model).is_none() {
        return lead_to(model, command, ctx.keys, effects);
    }
    if command.spends == Spends::AtOnce && (command.when)(model).is_ok() {
        let what = command.long.split_once(". ").map_or(command.long, |(what, _)| what);
        model.overlay = Some(Overlay::Confirm(Confirm {
            question: format!("{what}?"),
            consequence: "This spends money.".to_owned(),
            yes: command.short,
            then: Confirmed::Command(command.name),
        }));
        return;
    }
    command.perform(model, ctx, effects);
}

/// Goes where a command works, and says by which key.
fn lead_to(model: &mut Model, command: &Command, keys: &Keymap, effects: &mut Effects) {
    let name = command.short;
    let is_editing = model.params.editing.is_some();
    let text = match command.places[0].scope {
        Scope::Editing | Scope::Typing => {
            format!("`{name}` is for a text that is being edited: press Enter on a parameter first")
        }
        Scope::Panes | Scope::Everywhere => {
            format!("`{name}` works as soon as the field is left: Esc leaves it")
        }
        Scope::Pane(_) if is_editing => {
            format!("`{name}` works as soon as the field is left: Esc leaves it")
        }
        Scope::Pane(Pane::Compare) => {
            format!("`{name}` is for two outputs that are compared: mark two in the gallery, then compare")
        }
        Scope::Pane(pane) => {
            if pane == Pane::Gallery {
                gallery::go_to(model, effects);
            } else {
                model.go_to(pane);
            }
            format!("`{name}` works here: press {}", keys.hint(command.name))
        }
    };
    model.notify(Tone::Plain, text);
}
