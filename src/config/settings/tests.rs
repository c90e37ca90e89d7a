use std::path::Path;

use super::*;
use crate::config::Config;
use crate::domain::preset::Preset;

/// A file with every field set to its example.
fn whole(tables: &[Table]) -> String {
    let mut text = String::new();
    for table in tables {
        match table.names {
            _ if table.name.is_empty() => {}
            Names::Own | Names::Any => text += &format!("[{}]\n", table.name),
            Names::Tables => text += &format!("[{}.prod]\n", table.name),
        }
        for setting in &table.settings {
            text += &format!("{} = {}\n", setting.name, setting.example);
        }
    }
    text
}

/// A config's problems, except for secrets of another protocol.
fn strange(config: &Config) -> Vec<&str> {
    let messages = config.warnings.iter().map(|warning| warning.message.as_str());
    messages.filter(|message| !message.contains("does not use")).collect()
}

#[test]
fn every_row_is_a_field_that_is_read() {
    let text = whole(&config()).replace("protocol = \"stream\"", "protocol = \"cloud\"");
    let config = Config::parse(&text, Path::new("/c/config.toml"));
    assert_eq!(strange(&config), [""; 0], "{text}");
    let (_, found) = Preset::parse(&whole(&preset()), "p.toml");
    assert_eq!(found, []);
}

#[test]
fn every_field_that_the_documents_show_has_its_row() {
    let documents = [
        (include_str!("../../../docs/config.md"), config(), "default_profile"),
        (include_str!("../../../docs/presets.md"), preset(), "workflow"),
    ];
    for (document, tables, first) in documents {
        let text = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect(first);
        let text = &text[text.find(first).expect(first)..];
        let file: toml_edit::DocumentMut = text.parse().expect("TOML");
        for (name, item) in file.iter() {
            let table = tables.iter().find(|table| table.name == name);
            let (Some(table), Some(item)) = (table, item.as_table()) else {
                let is_known = tables[0].settings.iter().any(|setting| setting.name == name);
                assert!(is_known, "{name}");
                continue;
            };
            let items = match table.names {
                Names::Any => continue,
                Names::Own => item,
                Names::Tables => item.iter().next().and_then(|(_, item)| item.as_table()).expect("a table"),
            };
            for (field, _) in items.iter() {
                assert!(table.settings.iter().any(|setting| setting.name == field), "[{name}] {field}");
            }
        }
    }
}

#[test]
fn comments_become_settings_when_the_sign_is_taken_away() {
    let text: String =
        comments().lines().skip(3).map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
    let text = text.replace("profiles.NAME", "profiles.prod").replace("\"stream\"", "\"cloud\"");
    let config = Config::parse(&text, Path::new("/c/config.toml"));
    assert_eq!(strange(&config), [""; 0], "{text}");
    assert_eq!(config.profiles["prod"].concurrency, 1);
}
