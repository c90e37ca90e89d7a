//! The keys of an overlay, for the bottom line.

use super::{Asking, Choosing, OutputUse, Overlay};

/// A key and what it does.
pub type Hint = (&'static str, &'static str);

/// The keys that act while the overlay is open, the most important first.
pub fn hints(overlay: &Overlay) -> Vec<Hint> {
    match overlay {
        Overlay::Help { .. } => vec![("Esc", "close"), ("↑↓", "scroll"), ("", "type to search")],
        Overlay::Messages { .. } | Overlay::Differences(_) => vec![("Esc", "close"), ("↑↓", "scroll")],
        Overlay::Picker(picker) => {
            let mut hints = of_choice(&picker.purpose).to_vec();
            hints.extend([("Esc", "close"), ("↑↓", "select"), ("", "type to search")]);
            hints
        }
        Overlay::Prompt(prompt) => of_prompt(&prompt.purpose).to_vec(),
        Overlay::Confirm(confirm) => {
            let mut hints = vec![("y", confirm.yes)];
            hints.extend(confirm.then.third().map(|(key, label, _)| (third_key(key), label)));
            hints.extend([("n", confirm.then.no()), ("Esc", "close")]);
            hints
        }
        Overlay::Explore(_) => vec![("Enter", "go on"), ("Esc", "close"), ("↑↓", "select")],
        Overlay::Lay(_) => vec![
            ("Enter", "lay over what is marked"),
            ("Space", "mark"),
            ("a", "all or none"),
            ("Esc", "close"),
            ("↑↓", "select"),
        ],
        Overlay::Expansions(_) => {
            vec![("r", "others"), ("e", "expand or send as written"), ("Esc", "close"), ("↑↓", "scroll")]
        }
        Overlay::Import(shown) => {
            let load = (!shown.fit.differ.is_empty()).then_some(("Enter", "load what fits"));
            let others = [("o", "open as a workflow"), ("Esc", "close"), ("↑↓", "scroll")];
            load.into_iter().chain(others).collect()
        }
    }
}

fn third_key(key: char) -> &'static str {
    match key {
        's' => "s",
        'r' => "r",
        't' => "t",
        _ => "",
    }
}

fn of_choice(purpose: &Choosing) -> &'static [Hint] {
    match purpose {
        Choosing::Command => &[("Enter", "do it")],
        Choosing::Preset => {
            &[("Enter", "load"), ("^O", "lay some of it over"), ("F2", "rename"), ("Del", "delete")]
        }
        Choosing::Profile => &[("Enter", "use it")],
        Choosing::Recall(_) => &[("Enter", "take the value"), ("^O", "load its whole run")],
        Choosing::Kin(_) => &[("Enter", "go to the run")],
        Choosing::Search => &[("Enter", "show these"), ("Del", "remove")],
        Choosing::Status => &[("Enter", "show these")],
        Choosing::Pipe(_) => &[("Enter", "do it")],
        Choosing::CopyAs(_) => &[("Enter", "copy")],
        Choosing::Workflow => &[("Enter", "open")],
        Choosing::Several(_) => &[("Enter", "take what is marked"), ("Space", "mark")],
        Choosing::Value(_) | Choosing::InputFor(_) => &[("Enter", "take it")],
        Choosing::Output(wanted) => match wanted {
            OutputUse::Input => &[("Enter", "take it as input")],
            OutputUse::Parameters => &[("Enter", "load its parameters")],
            OutputUse::View => &[("Enter", "open")],
            OutputUse::Path => &[("Enter", "copy its path")],
            OutputUse::Scp => &[("Enter", "copy its scp line")],
        },
    }
}

fn of_prompt(purpose: &Asking) -> &'static [Hint] {
    match purpose {
        Asking::ParamFilter | Asking::RunSearch | Asking::LogSearch => {
            &[("Enter", "keep"), ("Esc", "take back")]
        }
        Asking::PresetName
        | Asking::DifferenceName
        | Asking::RenamePreset(_)
        | Asking::SearchName
        | Asking::Tags(_)
        | Asking::BatchTags(..)
        | Asking::BatchNote(..)
        | Asking::Note(_) => &[("Enter", "save"), ("Esc", "close")],
        Asking::Alias(_) => &[("Enter", "call it so"), ("Esc", "close")],
        Asking::SeedOfRun | Asking::PromptOfRun => &[("Enter", "use it"), ("Esc", "close")],
        Asking::WorkflowPath => &[("Enter", "open"), ("Tab", "complete"), ("↑↓", "select"), ("Esc", "close")],
        Asking::ImportPath => &[("Enter", "import"), ("Tab", "complete"), ("↑↓", "select"), ("Esc", "close")],
    }
}
