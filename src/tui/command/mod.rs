//! Commands of the dashboard, each one a value with its name, keys and function.
//!
//! The tables stand where the work is done (`panes/x/commands.rs`, `update/…`); [`super::commands`] joins them.

mod ctx;
pub mod keymap;

pub use ctx::Ctx;
pub use keymap::Keymap;

use super::effect::Effects;
use super::model::Model;
use super::notice::Tone;
use super::pane::Pane;
use crate::domain::RunId;

/// Why a command cannot be done now: a sentence for the person.
pub type Reason = &'static str;

/// A command of the dashboard.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its name in `[keys]` of `config.toml` and in the palette.
    pub name: &'static str,
    /// Where it can be given.
    pub places: &'static [Place],
    /// Its keys in all of its places, unless `config.toml` or the place says otherwise.
    pub keys: &'static [&'static str],
    /// A word or two for the footer.
    pub short: &'static str,
    /// A sentence for help, palette and documentation.
    pub long: &'static str,
    pub spends: Spends,
    /// Whether it is available on a screen too small to show anything.
    pub unseen: bool,
    /// Whether it can be done now.
    pub when: fn(&Model) -> Result<(), Reason>,
    pub run: fn(&mut Model, &Ctx, &mut Effects),
    /// The same about a run that the palette names: `prompt of run 12`.
    pub with_run: Option<fn(&mut Model, RunId, &mut Effects)>,
}

/// Whether a command spends money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spends {
    Nothing,
    /// At once; the palette asks before.
    AtOnce,
    /// It asks by itself before it does.
    AfterAsking,
}

impl Command {
    /// A command with nothing but a name and what it does; a row of a table adds the rest.
    pub const fn new(name: &'static str, run: fn(&mut Model, &Ctx, &mut Effects)) -> Self {
        Self {
            name,
            places: &[],
            keys: &[],
            short: "",
            long: "",
            spends: Spends::Nothing,
            unseen: false,
            when: |_| Ok(()),
            run,
            with_run: None,
        }
    }

    /// Does it, or says why it cannot be done now.
    pub fn perform(&self, model: &mut Model, ctx: &Ctx, effects: &mut Effects) {
        match (self.when)(model) {
            Ok(()) => (self.run)(model, ctx, effects),
            Err(why) => model.notify(Tone::Plain, why),
        }
    }

    /// The place where it is available now; `None` when it is not available here.
    pub fn here(&self, model: &Model) -> Option<&'static Place> {
        self.places.iter().find(|place| place.scope.is_here(model))
    }
}

/// A place where a command can be given.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub scope: Scope,
    /// How important its hint is in the footer there: the least important are left out first, 0 is never shown.
    pub weight: u8,
    /// The name in `[keys]` by which its keys are set for this place alone.
    pub name: Option<&'static str>,
    /// Its keys here, where they are others than elsewhere.
    pub keys: Option<&'static [&'static str]>,
}

/// A place, and how important the footer's hint is there.
pub const fn at(scope: Scope, weight: u8) -> Place {
    Place { scope, weight, name: None, keys: None }
}

impl Place {
    /// With a name of its own in `[keys]`.
    pub const fn named(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// With keys of its own.
    pub const fn keys(self, keys: &'static [&'static str]) -> Self {
        Self { keys: Some(keys), ..self }
    }
}

/// Where a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everywhere, also while text is typed and under an overlay that takes text.
    Everywhere,
    /// While any text is typed: a value, a filter, a name.
    Typing,
    /// While a value is edited.
    Editing,
    /// In any pane, while nothing is typed.
    Panes,
    Pane(Pane),
}

impl Scope {
    /// In the order in which help shows them.
    pub fn all() -> impl Iterator<Item = Self> {
        let panes = Pane::EVERY.into_iter().map(Self::Pane);
        [Self::Everywhere, Self::Panes].into_iter().chain(panes).chain([Self::Editing, Self::Typing])
    }

    /// The heading in help and documentation.
    pub fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::Typing => "While typing any text",
            Self::Editing => "While editing a value",
            Self::Panes => "In every pane",
            Self::Pane(pane) => pane.title(),
        }
    }

    /// Whether it is a place of its own, not every pane or every text.
    pub fn is_own(self) -> bool {
        match self {
            Self::Pane(_) | Self::Editing => true,
            Self::Everywhere | Self::Typing | Self::Panes => false,
        }
    }

    /// Whether the person is there, as long as no overlay is open.
    pub fn is_here(self, model: &Model) -> bool {
        let is_editing = model.params.editing.is_some();
        match self {
            Self::Everywhere => true,
            Self::Editing | Self::Typing => is_editing,
            Self::Panes => !is_editing,
            Self::Pane(pane) => !is_editing && pane == model.focus,
        }
    }
}
