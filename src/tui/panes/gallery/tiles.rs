//! Thumbnails and marks of tiles, for the gallery and for the sheet of a batch.

use std::collections::HashSet;

use super::{ThumbOrder, Tile};
use crate::domain::OutputCard;
use crate::domain::run::Output;
use crate::picture::Cells;
use crate::tui::effect::{Effect, Effects, ScreenEffect};
use crate::tui::model::Model;
use crate::tui::notice::Tone;

/// Thumbnails kept in memory; some kilobytes each.
const THUMBS: usize = 1_000;

/// Marks an output, or takes its mark away.
pub fn mark_card(model: &mut Model, card: OutputCard) {
    let marked = &mut model.gallery.marked;
    if let Some(at) = marked.iter().position(|other| other.id == card.id) {
        marked.remove(at);
        return;
    }
    if marked.len() == 2 {
        marked.remove(0);
    }
    marked.push(card);
    if marked.len() == 1 {
        model.notify(Tone::Plain, "Marked. Mark another one, or go to it; then C compares the two");
    }
}

/// Orders for the thumbnails of some tiles, each content once.
pub fn thumb_orders<'a>(tiles: impl Iterator<Item = &'a Tile>, room: Cells) -> Vec<ThumbOrder> {
    let mut seen = HashSet::new();
    let outputs = tiles.filter(|tile| tile.can_be_seen()).map(|tile| &tile.card.output);
    let outputs = outputs.filter(|output| seen.insert(&output.sha256));
    let order = |output: &Output| ThumbOrder {
        sha256: output.sha256.clone(),
        path: output.path.clone(),
        size: output.size,
        room,
    };
    outputs.map(order).collect()
}

/// Orders the thumbnails that are not here yet, the first first. Sends a new order when one is missing in the last one,
/// or is no longer needed.
pub fn want_thumbs(model: &mut Model, room: Cells, near: Vec<ThumbOrder>, effects: &mut Effects) {
    let has_thumbs = model.output.shows_pictures();
    let pane = &mut model.gallery;
    if pane.room != room {
        pane.room = room;
        pane.thumbs.clear();
        pane.asked.clear();
    }
    if pane.thumbs.len() > THUMBS {
        let near: HashSet<&str> = near.iter().map(|order| order.sha256.as_str()).collect();
        pane.thumbs.retain(|sha256, _| near.contains(sha256.as_str()));
    }
    let missing: Vec<ThumbOrder> =
        near.into_iter().filter(|order| !pane.thumbs.contains_key(&order.sha256)).collect();
    let is_asked =
        missing.len() == pane.asked.len() && missing.iter().all(|order| pane.asked.contains(&order.sha256));
    if is_asked || !has_thumbs {
        return;
    }
    pane.asked = missing.iter().map(|order| order.sha256.clone()).collect();
    effects.push(Effect::Screen(ScreenEffect::MakeThumbs(missing)));
}
