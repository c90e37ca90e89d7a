//! The command palette: any command by its name.

use crate::tui::command::{Command, Ctx, Keymap, Scope, at};
use crate::tui::effect::Effects;
use crate::tui::model::Model;
use crate::tui::overlay::{Choosing, Overlay, PickerItem};

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

/// Every command that means something where the person is: in the pane, or in the field that is open.
fn items(model: &Model, keys: &Keymap) -> Vec<PickerItem> {
    let mut items: Vec<PickerItem> = Vec::new();
    for row in keys.rows() {
        let command = row.command;
        let is_listed = items.iter().any(|item| item.id == command.name);
        if !row.place.scope.is_here(model) || command.name == PALETTE || is_listed {
            continue;
        }
        items.push(PickerItem {
            id: command.name.to_owned(),
            label: command.short.to_owned(),
            detail: command.long.to_owned(),
            note: row.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            disabled: (command.when)(model).err(),
            ..PickerItem::default()
        });
    }
    items
}

pub(super) fn chosen(model: &mut Model, item: &PickerItem, ctx: &Ctx, effects: &mut Effects) {
    if let Some(command) = ctx.keys.command(&item.id) {
        command.perform(model, ctx, effects);
    }
}
