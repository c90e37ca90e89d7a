//! Layout of the gallery's tiles.

use ratatui::layout::Rect;

use crate::tui::grid::{Grid, INFO};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;

/// The grid for the current screen; `None` when the gallery is hidden. Tiles are as large as the window and the number of
/// outputs allow, unless the person chose how many stand beside each other.
pub fn of(model: &Model) -> Option<Grid> {
    let body = layout::regions(model)?.body(Pane::Gallery)?;
    let area = Rect { height: body.height.saturating_sub(INFO), ..body };
    if area.height < 4 || area.width < 12 {
        return None;
    }
    let gallery = &model.gallery;
    let count = if gallery.list.more { usize::MAX } else { gallery.list.rows.len() };
    Some(match gallery.columns {
        Some(columns) => Grid::beside(area, columns, gallery.shape),
        None => Grid::fitting(area, count, gallery.shape),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::model::Size;
    use crate::tui::stage::tile;

    #[test]
    fn few_outputs_have_large_tiles_and_a_person_may_choose_their_size() {
        for (count, least) in [(1, 50), (2, 40), (4, 25), (6, 25), (200, 7)] {
            let mut model =
                Model { size: Size { width: 200, height: 60 }, focus: Pane::Gallery, ..Model::default() };
            model.gallery.list.rows = (1..=count).rev().map(|run| tile(run, "a.png", "image/png")).collect();
            let grid = of(&model).expect("a grid");
            assert!(grid.picture.height >= least, "{count}: {grid:?}");
            assert!(grid.page() >= count as usize || count == 200, "{count}: {grid:?}");
            model.gallery.columns = Some(4);
            assert_eq!(of(&model).map(|grid| grid.columns), Some(4));
        }
    }

    #[test]
    fn as_many_as_can_be_recognised_are_seen_at_every_size() {
        for (width, height, tiles) in
            [(60, 15, 2), (80, 24, 8), (120, 40, 15), (200, 60, 40), (500, 15, 20), (60, 300, 96)]
        {
            let size = Size { width, height };
            let mut model = Model { size, focus: Pane::Gallery, ..Model::default() };
            model.gallery.list.more = true;
            let grid = of(&model).expect("a grid");
            assert!(grid.page() >= tiles, "{width}×{height}: {grid:?}");
        }
    }
}
