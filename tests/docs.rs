//! What the documentation says of the program is what the program says of itself.

use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- keys: written by `UPDATE_DOCS=1 cargo test --test docs` -->\n";
const END: &str = "<!-- end of keys -->";

/// The key table stands in docs/keys.md. `UPDATE_DOCS=1` writes it anew.
#[test]
fn the_documentation_has_the_key_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    let page = fs::read_to_string(&path).expect("docs/keys.md");
    let (before, rest) = page.split_once(BEGIN).expect("the mark where the keys begin");
    let (_, after) = rest.split_once(END).expect("the mark where the keys end");
    let expected = format!("{before}{BEGIN}{}\n{END}{after}", comfydeck::tui::commands::markdown());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).expect("docs/keys.md can be written");
    }
    assert!(
        page == expected,
        "the key table in docs/keys.md is old: run `UPDATE_DOCS=1 cargo test --test docs`"
    );
}
