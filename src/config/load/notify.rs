//! Reads how a person is told of runs: the table `[notify]`.

use toml::de::{DeTable, DeValue};

use crate::domain::Status;
use crate::domain::diagnostic::Diagnostics;
use crate::domain::tables::Fields;

/// How a person who looks elsewhere is told of runs: the table `[notify]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Whether the window's title says what runs.
    pub title: bool,
    /// Whether tab or taskbar show progress.
    pub taskbar: bool,
    /// Ends of runs that ring the terminal's bell.
    pub bell: Vec<Status>,
    /// Ends of runs that are shown on the desktop.
    pub desktop: Vec<Status>,
    /// Bell and desktop only for runs that took so long, in seconds.
    pub after_seconds: u64,
    /// Bell and desktop only while another window has the focus.
    pub unfocused: bool,
    /// A shell's command that gets each ended run as JSON on its standard input.
    pub on_finish: Option<String>,
    /// Ends of runs that the command is for.
    pub on_finish_for: Vec<Status>,
}

impl Notify {
    /// The ends that a run may have.
    pub const ENDS: [Status; 4] = [Status::Done, Status::Failed, Status::Cancelled, Status::Lost];

    /// The command for a run that ended so.
    pub fn command_for(&self, end: Status) -> Option<&str> {
        self.on_finish.as_deref().filter(|_| self.on_finish_for.contains(&end))
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            title: true,
            taskbar: true,
            bell: Vec::new(),
            desktop: vec![Status::Done, Status::Failed, Status::Lost],
            after_seconds: 10,
            unfocused: true,
            on_finish: None,
            on_finish_for: Self::ENDS.to_vec(),
        }
    }
}

pub(super) fn read_notify(table: &DeTable<'_>, found: &mut Diagnostics<'_>) -> Notify {
    let mut fields = Fields::new(table, "notify");
    let default = Notify::default();
    let title = fields.boolean("title", found);
    let taskbar = fields.boolean("taskbar", found);
    let mut ends = |name| {
        fields.typed(name, "a list of \"done\", \"failed\", \"cancelled\" and \"lost\"", found, read_ends)
    };
    let (bell, desktop, on_finish_for) = (ends("bell"), ends("desktop"), ends("on_finish_for"));
    let after_seconds = fields.typed("after_seconds", "a whole number of seconds", found, |value| {
        value.as_integer().filter(|number| number.radix() == 10)?.as_str().parse().ok()
    });
    let unfocused = fields.boolean("unfocused", found);
    let on_finish = fields.text("on_finish", found).filter(|command| !command.trim().is_empty());
    fields.finish(found);
    Notify {
        title: title.unwrap_or(default.title),
        taskbar: taskbar.unwrap_or(default.taskbar),
        bell: bell.unwrap_or(default.bell),
        desktop: desktop.unwrap_or(default.desktop),
        after_seconds: after_seconds.unwrap_or(default.after_seconds),
        unfocused: unfocused.unwrap_or(default.unfocused),
        on_finish,
        on_finish_for: on_finish_for.unwrap_or(default.on_finish_for),
    }
}

fn read_ends(value: &DeValue<'_>) -> Option<Vec<Status>> {
    let end = |word: &str| Status::from_word(word).filter(|status| status.is_end());
    value.as_array()?.iter().map(|item| end(item.get_ref().as_str()?)).collect()
}
