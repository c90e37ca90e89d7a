//! What tells runs apart, in words.

use crate::domain::brief::{Piece, Short, Told};
use crate::domain::compare::What;
use crate::domain::{Brief, Run, value};

/// What differs from the run before, a few words each; `name` is what people call a thing that differs. Empty for the
/// first run of its kind.
pub fn told(brief: &Brief, name: impl Fn(&What) -> String) -> Vec<String> {
    let mut words: Vec<String> = brief.told.iter().flat_map(|told| told_of(told, name(&told.what))).collect();
    if brief.more > 0 {
        words.push(format!("{} more", brief.more));
    }
    if let (Some(before), true) = (brief.before, words.is_empty()) {
        words.push(format!("same values as {before}"));
    }
    words
}

fn told_of(told: &Told, name: String) -> Vec<String> {
    match &told.change {
        Short::Values(None, Some(now)) => vec![format!("+{name} {now}")],
        Short::Values(_, None) => vec![format!("−{name}")],
        Short::Values(Some(_), Some(_)) | Short::Seed(_) => vec![format!("{name} {}", change(&told.change))],
        // What a text says tells which one it is.
        Short::Pieces(pieces) => pieces.iter().map(piece).collect(),
        Short::Text(_) => vec![change(&told.change)],
    }
}

/// What has changed, without its name.
pub fn change(change: &Short) -> String {
    match change {
        Short::Values(Some(before), Some(now)) => format!("{before} → {now}"),
        Short::Values(None, Some(now)) => format!("{now}, not sent before"),
        Short::Values(_, None) => "not sent any more".to_owned(),
        Short::Seed(seed) => seed.clone(),
        Short::Text(text) => format!("“{text}”"),
        Short::Pieces(pieces) => pieces.iter().map(piece).collect::<Vec<_>>().join("  "),
    }
}

/// What has changed, with all digits of a seed, which rows of a list have no room for.
pub fn whole_change(told: &Told, run: &Run) -> String {
    let sent = match &told.what {
        What::Param(key) => run.request.params.get(key),
        What::Workflow | What::Preset | What::Profile => None,
    };
    match (&told.change, sent) {
        (Short::Seed(_), Some(sent)) => value::text(sent),
        (short, _) => change(short),
    }
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::New(new) => format!("+{new}"),
        Piece::Gone(gone) => format!("−{gone}"),
        Piece::Other(gone, new) => format!("{gone} → {new}"),
    }
}
