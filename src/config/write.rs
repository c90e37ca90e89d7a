//! Writes profiles to `config.toml`.

use std::io;
use std::os::unix::fs::PermissionsExt;

use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use super::dirs::private_dir;
use super::{Dirs, Profile, SecretSource, files, settings};

/// Why a profile was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The existing file is not TOML.
    #[error("{path} is not valid TOML ({why}). Fix it first, so that nothing in it is lost")]
    Broken { path: String, why: String },
    #[error("{path} cannot be written: {why}")]
    Io { path: String, why: io::Error },
}

/// Writes a profile to the config file. A new file is private (0600); an existing one keeps everything else in it,
/// and becomes private when a secret is added. The first profile, and any with `make_default`, becomes the default.
///
/// # Errors
/// When the existing file is not TOML, or the file cannot be written.
pub fn put_profile(dirs: &Dirs, profile: &Profile, make_default: bool) -> Result<(), WriteError> {
    let path = dirs.config_file();
    let shown = path.display().to_string();
    let failed = |why| WriteError::Io { path: shown.clone(), why };
    let there = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(failed(e)),
    };
    let broken = |why: String| WriteError::Broken { path: shown.clone(), why };
    let is_new = there.is_none();
    let mut text = with_profile(&there.unwrap_or_default(), profile, make_default).map_err(broken)?;
    private_dir(&dirs.config).map_err(failed)?;
    if is_new {
        let schema = put_config_schema(dirs).map_err(failed)?;
        text = format!("#:schema {schema}\n\n{text}{}", settings::comments());
    }
    if path.exists() && profile.holds_secret() {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    files::replace(&path, text.as_bytes(), 0o600).map_err(failed)
}

/// Writes the schema of `config.toml`. Returns its path relative to that file's folder.
fn put_config_schema(dirs: &Dirs) -> io::Result<&'static str> {
    const CONFIG: &str = "schema/config.json";
    put_schema(dirs, CONFIG, &settings::schema("comfydeck's config.toml", &settings::config()))?;
    Ok(CONFIG)
}

/// Writes the schema of presets. Returns its path relative to the presets' folder.
///
/// # Errors
/// When it cannot be written.
pub fn put_preset_schema(dirs: &Dirs) -> io::Result<&'static str> {
    put_schema(dirs, "schema/preset.json", &settings::schema("a preset of comfydeck", &settings::preset()))?;
    Ok("../schema/preset.json")
}

fn put_schema(dirs: &Dirs, name: &str, schema: &serde_json::Value) -> io::Result<()> {
    let path = dirs.config.join(name);
    let text = format!("{schema:#}\n");
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    private_dir(path.parent().unwrap_or(&dirs.config))?;
    files::replace(&path, text.as_bytes(), 0o600)
}

/// The config file's text with a profile added or replaced.
fn with_profile(text: &str, profile: &Profile, make_default: bool) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|e: toml_edit::TomlError| e.message().trim().to_owned())?;
    let is_first = document.get("profiles").is_none();
    let profiles = document.entry("profiles").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let profiles = profiles.as_table_like_mut().ok_or("`profiles` is not a table")?;
    let entry = profiles.entry(&profile.name).or_insert_with(|| Item::Table(Table::new()));
    let table = entry.as_table_like_mut().ok_or("the profile is not a table")?;
    table.insert("protocol", value(profile.protocol.word()));
    table.insert("url", value(&profile.url));
    match profile.api_url.as_deref().filter(|url| Some(*url) != profile.protocol.usual_api_url()) {
        Some(url) => drop(table.insert("api_url", value(url))),
        None => drop(table.remove("api_url")),
    }
    for asked in profile.protocol.credentials() {
        match profile.secrets.iter().find(|secret| secret.name == asked.key) {
            Some(secret) => drop(table.insert(asked.key, Item::Value(secret_value(&secret.source)))),
            None => drop(table.remove(asked.key)),
        }
    }
    match profile.without_credentials {
        true => drop(table.insert("without_credentials", value(true))),
        false => drop(table.remove("without_credentials")),
    }
    if let Some(output_dir) = &profile.output_dir {
        table.insert("output_dir", value(output_dir.to_string_lossy().as_ref()));
    }
    if let Some(workflow) = &profile.workflow {
        table.insert("workflow", value(workflow.to_string_lossy().as_ref()));
    }
    if is_first || make_default {
        document.insert("default_profile", value(&profile.name));
    }
    Ok(document.to_string())
}

fn secret_value(source: &SecretSource) -> toml_edit::Value {
    let table = |name: &str, text: &str| {
        let mut table = InlineTable::new();
        table.insert(name, text.into());
        toml_edit::Value::InlineTable(table)
    };
    match source {
        SecretSource::Text(secret) => secret.expose().into(),
        SecretSource::Env { name, .. } => table("env", name),
        SecretSource::File(path) => table("file", &path.to_string_lossy()),
        SecretSource::Command(command) => table("command", command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn profile(name: &str) -> Profile {
        let profile = Profile { name: name.to_owned(), ..Profile::of_url("https://a.example/x") };
        profile
            .with_secret("client_id", SecretSource::Env { name: "ID".to_owned(), optional: false })
            .with_secret("client_secret", SecretSource::Text(Secret::new("a\"b")))
    }

    #[test]
    fn the_first_profile_makes_a_whole_file() {
        assert_eq!(
            with_profile("", &profile("prod"), false).as_deref(),
            Ok(
                "default_profile = \"prod\"\n\n[profiles.prod]\nprotocol = \"stream\"\nurl = \"https://a.example/x\"\nclient_id = { env = \"ID\" }\nclient_secret = 'a\"b'\n"
            )
        );
    }

    #[test]
    fn the_rest_of_the_file_stays() {
        let before = "# mine\ndefault_profile = \"a\" # yes\n\n[profiles.a]\nurl = \"https://b.example\" # b\nconcurrency = 2\n\n[ui]\nmouse = false\n";
        let after = with_profile(before, &profile("b"), false).expect("written");
        for line in before.lines() {
            assert!(after.contains(line), "{line} in {after}");
        }
        let again = with_profile(before, &profile("a"), false).expect("written");
        assert!(
            again.contains("concurrency = 2") && again.contains("url = \"https://a.example/x\""),
            "{again}"
        );
        assert!(with_profile("x = ", &profile("b"), false).is_err());
        assert!(with_profile("profiles = 3", &profile("b"), false).is_err());
    }
}
