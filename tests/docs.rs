//! What the documentation says of the program is what the program says of itself.

use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- keys: written by `UPDATE_DOCS=1 cargo test --test docs` -->\n";
const END: &str = "<!-- end of keys -->";

/// The key table stands in the README. `UPDATE_DOCS=1` writes it anew.
#[test]
fn the_readme_has_the_key_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).expect("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the mark where the keys begin");
    let (_, after) = rest.split_once(END).expect("the mark where the keys end");
    let expected = format!("{before}{BEGIN}{}\n{END}{after}", comfydeck::tui::commands::markdown());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).expect("README.md can be written");
    }
    assert!(
        readme == expected,
        "the key table in README.md is old: run `UPDATE_DOCS=1 cargo test --test docs`"
    );
}
