//! Reads where a profile's secrets come from.

use std::path::Path;

use toml::de::DeValue;

use crate::config::profile::{CredentialSource, path_of};
use crate::config::secret::OWN;
use crate::config::{Secret, SecretSource};
use crate::domain::diagnostic::Diagnostics;
use crate::domain::run::{Form, Protocol};
use crate::domain::tables::{Fields, describe, entries};

/// The secrets of a profile: those that its protocol takes, and custom headers.
pub(super) fn read_secrets(
    name: &str,
    protocol: Protocol,
    fields: &mut Fields<'_, '_>,
    folder: &Path,
    found: &mut Diagnostics<'_>,
) -> Vec<CredentialSource> {
    let mut secrets = Vec::new();
    let path = format!("profiles.{name}");
    for asked in protocol.credentials() {
        let Some((value, place)) = fields.any(asked.key) else { continue };
        let source = read_secret(&format!("{path}.{}", asked.key), value, place, folder, found);
        let (name, header, form) = (asked.key.to_owned(), asked.header.to_owned(), asked.form);
        secrets.extend(source.map(|source| CredentialSource { name, header, form, source }));
    }
    for key in Protocol::ALL.into_iter().flat_map(Protocol::credentials).map(|asked| asked.key) {
        if protocol.credentials().iter().any(|asked| asked.key == key) {
            continue;
        }
        if let Some((_, place)) = fields.any(key) {
            let (path, word) = (format!("{path}.{key}"), protocol.word());
            found.at(place, &path, format!("`{path}` is not used: protocol \"{word}\" does not use {key}"));
        }
    }
    let Some(headers) = fields.table("headers", found) else { return secrets };
    for (header, place, value) in entries(headers) {
        let path = format!("{path}.headers.{header}");
        if let Err(why) = check_header(header) {
            found.at(place, &path, format!("`{path}` {why}"));
            continue;
        }
        let source = read_secret(&path, value.get_ref(), value.span(), folder, found);
        secrets.extend(source.map(|source| CredentialSource {
            name: format!("{OWN}{header}"),
            header: header.to_owned(),
            form: Form::Plain,
            source,
        }));
    }
    secrets
}

/// Why a header cannot be a custom one.
fn check_header(name: &str) -> Result<(), &'static str> {
    const OURS: [&str; 12] = [
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "range",
        "te",
        "transfer-encoding",
        "upgrade",
        "expect",
    ];
    let is_token = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    let lower = name.to_ascii_lowercase();
    if !is_token {
        return Err("is not the name of an HTTP header: letters, digits and hyphens");
    }
    if OURS.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
        return Err("is a header that comfydeck itself sets with each request");
    }
    Ok(())
}

/// A secret: a text, or a table with one of `env`, `file` and `command`.
fn read_secret(
    path: &str,
    value: &DeValue<'_>,
    place: std::ops::Range<usize>,
    folder: &Path,
    found: &mut Diagnostics<'_>,
) -> Option<SecretSource> {
    const FORMS: &str =
        "a string in quotes, { env = \"NAME\" }, { file = \"PATH\" } or { command = \"COMMAND\" }";
    let wrong = |found: &mut Diagnostics<'_>, what: &str| {
        found.at(place.clone(), path, format!("`{path}` should be {FORMS}, not {what}"));
        None
    };
    let table = match value {
        DeValue::String(text) if text.is_empty() => return wrong(found, "an empty string"),
        DeValue::String(text) => return Some(SecretSource::Text(Secret::new(text.as_ref()))),
        DeValue::Table(table) => table,
        other => return wrong(found, describe(other)),
    };
    let mut inner = Fields::new(table, path);
    let env = inner.text("env", found).map(|name| SecretSource::Env { name, optional: false });
    let file = inner.text("file", found).map(|path| SecretSource::File(path_of(&path, folder)));
    let command = inner.text("command", found).map(SecretSource::Command);
    inner.finish(found);
    let mut given = [env, file, command].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(source), None) => Some(source),
        (None, _) => wrong(found, "a table without one of these"),
        (Some(_), Some(_)) => wrong(found, "several of these"),
    }
}
