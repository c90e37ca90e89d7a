//! The sheet of a batch as HTML and as Markdown.

use std::path::Path;

use crate::domain::batch::table::{Cell, Table};

/// An HTML page. Pictures are linked relative to `folder`, where they lie beneath it.
pub fn html(table: &Table, folder: &Path) -> String {
    let title = escaped(&format!("Batch {}: {}", table.batch, table.title));
    let mut text = format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>\nbody {{ font-family: sans-serif; background: #16161a; color: #ddd }}\nimg {{ max-width: 20em; display: block }}\ntd, th {{ padding: .3em; vertical-align: bottom; font-weight: normal }}\n</style>\n<h1>{title}</h1>\n<table>\n"
    );
    if !table.columns.is_empty() {
        let heads: String = table.columns.iter().map(|head| format!("<th>{}</th>", escaped(head))).collect();
        text += &format!("<tr><th></th>{heads}</tr>\n");
    }
    for row in &table.rows {
        let head = if table.columns.is_empty() {
            String::new()
        } else {
            format!("<th>{}</th>", escaped(&row.label))
        };
        let cells: String = row.cells.iter().map(|cell| html_cell(cell, folder)).collect();
        text += &format!("<tr>{head}{cells}</tr>\n");
    }
    text + "</table>\n"
}

fn html_cell(cell: &Cell, folder: &Path) -> String {
    let picture = cell.output.as_ref().map(|path| {
        let link = escaped(&link(path, folder));
        format!("<a href=\"{link}\"><img src=\"{link}\" loading=\"lazy\"></a>")
    });
    format!("<td>{}{}</td>", picture.unwrap_or_default(), escaped(&cell.caption))
}

/// A Markdown table.
pub fn markdown(table: &Table, folder: &Path) -> String {
    let width = table.rows.first().map_or(0, |row| row.cells.len()) + usize::from(!table.columns.is_empty());
    let heads = match table.columns.is_empty() {
        true => vec![String::new(); width],
        false => std::iter::once(String::new()).chain(table.columns.iter().map(|head| plain(head))).collect(),
    };
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = format!("# Batch {}: {}\n\n", table.batch, plain(&table.title));
    text += &line(&heads);
    text += &line(&vec!["---".to_owned(); width]);
    for row in &table.rows {
        let label = (!table.columns.is_empty()).then(|| plain(&row.label));
        let cell = |cell: &Cell| match &cell.output {
            Some(path) => format!("![{}](<{}>)", plain(&cell.caption), link(path, folder)),
            None => plain(&cell.caption),
        };
        let mut cells: Vec<String> = label.into_iter().chain(row.cells.iter().map(cell)).collect();
        cells.resize(width, String::new());
        text += &line(&cells);
    }
    text
}

/// A path as a relative link, else as an absolute one; what has a meaning in links is encoded.
fn link(path: &Path, folder: &Path) -> String {
    let path = path
        .strip_prefix(folder)
        .map_or_else(|_| format!("file://{}", path.display()), |inner| inner.display().to_string());
    let encoded = |c: char| match c {
        '%' | '"' | '<' | '>' | '#' | '?' | ' ' | '(' | ')' => format!("%{:02X}", c as u32),
        c => c.to_string(),
    };
    path.chars().map(encoded).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A text in a cell of a Markdown table.
fn plain(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('[', "\\[")
        .replace(']', "\\]")
        .replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::batch::table::Row;

    #[test]
    fn values_and_names_are_text_and_nothing_else() {
        let cell = Cell { caption: "a <b> | \"c\"".to_owned(), output: Some("/o/x \"1\".png".into()) };
        let row = Row { label: "seed\n7".to_owned(), cells: vec![cell] };
        let table = Table {
            batch: 7,
            title: "cfg".to_owned(),
            columns: vec!["<script>".to_owned()],
            rows: vec![row],
        };
        let page = html(&table, Path::new("/o"));
        assert!(page.contains("src=\"x%20%221%22.png\"") && page.contains("&lt;script&gt;"), "{page}");
        assert!(page.contains("a &lt;b&gt; | &quot;c&quot;"), "{page}");
        let text = markdown(&table, Path::new("/p"));
        assert!(text.contains("| seed 7 | ![a &lt;b> \\| \"c\"](<file:///o/x%20%221%22.png>) |"), "{text}");
    }
}
