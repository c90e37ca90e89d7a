//! What the documentation says of the program is what the program says of itself.

use std::fs;
use std::path::Path;

use comfydeck::tui::command::Scope;
use comfydeck::tui::commands;

const BEGIN: &str = "<!-- keys: written by `UPDATE_DOCS=1 cargo test --test docs` -->\n";
const END: &str = "<!-- end of keys -->";

/// With `UPDATE_DOCS=1` it writes the table.
#[test]
fn the_documentation_has_the_key_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    let page = fs::read_to_string(&path).expect("docs/keys.md");
    let (before, rest) = page.split_once(BEGIN).expect("the mark where the keys begin");
    let (_, after) = rest.split_once(END).expect("the mark where the keys end");
    let expected = format!("{before}{BEGIN}{}\n{END}{after}", key_table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).expect("docs/keys.md can be written");
    }
    assert!(
        page == expected,
        "the key table in docs/keys.md is old: run `UPDATE_DOCS=1 cargo test --test docs`"
    );
}

/// The keys of all commands as Markdown tables, one per scope.
fn key_table() -> String {
    let mut text = String::new();
    for scope in Scope::all() {
        text.push_str(&format!("\n**{}**\n\n| keys | what | name |\n|---|---|---|\n", scope.title()));
        for command in commands::all() {
            for place in command.places.iter().filter(|place| place.scope == scope) {
                let keys = place.keys.unwrap_or(command.keys);
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                let own = place.name.map(|name| format!(", here `{name}`")).unwrap_or_default();
                let (keys, long, name) = (keys.join(" "), command.long, command.name);
                text.push_str(&format!("| {keys} | {long} | `{name}`{own} |\n"));
            }
        }
    }
    text
}
