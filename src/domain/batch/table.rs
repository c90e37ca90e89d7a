//! The runs of a batch as a table, to be saved.

use std::path::PathBuf;

use super::{BatchId, Combine, Outline};

/// A sheet: the values of the first axis over the columns, those of the others beside the rows. Without a grid the runs
/// follow each other, each with its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub batch: BatchId,
    /// The axes, in a line.
    pub title: String,
    /// Headings of the columns; empty without a grid.
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

/// A row of runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The values that its runs have in common; empty without a grid.
    pub label: String,
    pub cells: Vec<Cell>,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// What tells it from the others of its row, and where it stands when it made nothing.
    pub caption: String,
    /// The file that it made.
    pub output: Option<PathBuf>,
}

impl Table {
    /// A table of runs in the order of their places: of each the status in words, and the file that it made.
    pub fn new(batch: BatchId, outline: &Outline, runs: Vec<(String, Option<PathBuf>)>) -> Self {
        let is_grid = outline.axes.len() > 1 && outline.combine == Combine::Grid;
        let first = outline.axes.first();
        let count = match first.filter(|_| is_grid) {
            Some(axis) => axis.values.len(),
            // About as wide as high.
            None => (runs.len() as f64).sqrt().ceil() as usize,
        };
        let named = |(name, value): (&str, &str)| format!("{name} {value}");
        let mut rows: Vec<Row> = Vec::new();
        for (place, (standing, output)) in runs.into_iter().enumerate() {
            let values = outline.values(place);
            if place % count.max(1) == 0 {
                let label = values.iter().skip(1).map(|pair| named(*pair)).collect::<Vec<_>>().join(", ");
                rows.push(Row { label: if is_grid { label } else { String::new() }, cells: Vec::new() });
            }
            let values: Vec<String> = values.into_iter().map(named).filter(|_| !is_grid).collect();
            let standing = if output.is_some() { None } else { Some(standing) };
            let caption = values.into_iter().chain(standing).collect::<Vec<_>>().join(", ");
            if let Some(row) = rows.last_mut() {
                row.cells.push(Cell { caption, output });
            }
        }
        let columns = first.filter(|_| is_grid).map(|axis| (&axis.name, &axis.values));
        let columns = columns.map(|(name, values)| values.iter().map(|value| named((name, value))).collect());
        let title = outline.axes.iter().map(|axis| axis.name.as_str()).collect::<Vec<_>>();
        let title = title.join(if outline.combine == Combine::Grid { " × " } else { " + " });
        Self { batch, title, columns: columns.unwrap_or_default(), rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ParamKey;
    use crate::domain::batch::AxisOutline;

    fn axis(name: &str, count: usize) -> AxisOutline {
        let values = (0..count).map(|value| value.to_string()).collect();
        AxisOutline { key: ParamKey::new("3", name), name: name.to_owned(), values }
    }

    fn runs(count: usize) -> Vec<(String, Option<PathBuf>)> {
        (0..count)
            .map(|at| ("queued".to_owned(), (at % 2 == 0).then(|| format!("{at}.png").into())))
            .collect()
    }

    #[test]
    fn a_grid_has_headings_and_labels_and_a_list_has_captions() {
        let grid = Outline { axes: vec![axis("cfg", 2), axis("seed", 2)], combine: Combine::Grid };
        let table = Table::new(7, &grid, runs(4));
        assert_eq!(
            (table.title.as_str(), table.columns),
            ("cfg × seed", vec!["cfg 0".to_owned(), "cfg 1".to_owned()])
        );
        assert_eq!(table.rows[1].label, "seed 1");
        assert_eq!(table.rows[0].cells[1].caption, "queued");
        assert_eq!(table.rows[1].cells[0], Cell { caption: String::new(), output: Some("2.png".into()) });
        let list = Outline { axes: vec![axis("seed", 5)], combine: Combine::Grid };
        let table = Table::new(7, &list, runs(5));
        assert_eq!((table.columns.len(), table.rows.len()), (0, 2));
        assert_eq!(table.rows[1].cells[0].caption, "seed 3, queued");
    }
}
