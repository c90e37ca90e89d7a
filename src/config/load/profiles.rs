//! Reads the profiles: the table `[profiles]`.

use std::path::Path;

use indexmap::IndexMap;
use toml::de::DeTable;

use super::secrets::read_secrets;
use super::{OutputSettings, read_money};
use crate::config::Profile;
use crate::config::profile::{DEFAULT_CONCURRENCY, check_url, path_of};
use crate::domain::diagnostic::Diagnostics;
use crate::domain::run::{Protocol, Trust};
use crate::domain::tables::{Fields, describe, entries};

pub(super) fn read_profiles(
    table: &DeTable<'_>,
    folder: &Path,
    output: &OutputSettings,
    found: &mut Diagnostics<'_>,
) -> IndexMap<String, Profile> {
    let mut profiles = IndexMap::new();
    for (name, place, value) in entries(table) {
        let path = format!("profiles.{name}");
        match value.get_ref().as_table() {
            Some(table) => {
                let fields = Fields::new(table, &path);
                if let Some(profile) = read_profile(name, fields, place, (folder, output), found) {
                    profiles.insert(name.to_owned(), profile);
                }
            }
            None => {
                let what = describe(value.get_ref());
                found.at(value.span(), &path, format!("`{path}` should be a table `[{path}]`, not {what}"));
            }
        }
    }
    profiles
}

fn read_profile(
    name: &str,
    mut fields: Fields<'_, '_>,
    place: std::ops::Range<usize>,
    (folder, output): (&Path, &OutputSettings),
    found: &mut Diagnostics<'_>,
) -> Option<Profile> {
    let protocol = fields.typed("protocol", "\"stream\", \"cloud\", \"comfyui\" or \"v2\"", found, |value| {
        value.as_str().and_then(Protocol::from_word)
    });
    let protocol = protocol.unwrap_or_default();
    let wanted = "a whole number from 1 to 1000";
    let concurrency = fields.typed("concurrency", wanted, found, |value| {
        let number = value.as_integer().filter(|number| number.radix() == 10)?;
        number.as_str().parse::<u32>().ok().filter(|number| (1..=1000).contains(number))
    });
    let cost_per_second = read_money("cost_per_second", &mut fields, found);
    let secrets = read_secrets(name, protocol, &mut fields, folder, found);
    let workflow = fields.text("workflow", found).map(|path| path_of(&path, folder));
    let schema = fields.text("schema", found).map(|path| path_of(&path, folder));
    let without_credentials = fields.boolean("without_credentials", found).unwrap_or(false);
    let trust = Trust {
        ca: fields.text("ca", found).map(|path| path_of(&path, folder)),
        insecure: fields.boolean("insecure", found).unwrap_or(false),
    };
    let own = OutputSettings::read(&format!("profiles.{name}"), &mut fields, folder, found);
    let has_url = fields.any("url").is_some();
    let url = fields.text("url", found);
    let api_url = read_api_url(name, protocol, &mut fields, found);
    fields.finish(found);
    let key = format!("profiles.{name}.url");
    let Some(url) = url else {
        if !has_url {
            found.at(place, &key, format!("the profile `{name}` has no `url`, so it cannot be used"));
        }
        return None;
    };
    if let Err(why) = check_url(&url) {
        found.at(place, &key, format!("the profile `{name}` cannot be used: {why}"));
        return None;
    }
    let mut profile = Profile {
        name: name.to_owned(),
        protocol,
        url,
        api_url: api_url?,
        secrets,
        concurrency: concurrency.unwrap_or(DEFAULT_CONCURRENCY),
        cost_per_second,
        without_credentials,
        workflow,
        schema,
        output_dir: None,
        output_name: None,
        sidecar: false,
        trust,
    };
    output.put_into(&mut profile, &own);
    Some(profile)
}

/// The service in front of a profile's endpoint: `None` when the address cannot be used.
fn read_api_url(
    name: &str,
    protocol: Protocol,
    fields: &mut Fields<'_, '_>,
    found: &mut Diagnostics<'_>,
) -> Option<Option<String>> {
    let path = format!("profiles.{name}.api_url");
    let place = fields.any("api_url").map(|(_, place)| place);
    let given = fields.text("api_url", found);
    match (protocol.usual_api_url(), given, place) {
        (None, _, Some(place)) => {
            let word = protocol.word();
            found.at(
                place,
                &path,
                format!("`{path}` is ignored: protocol \"{word}\" sends requests to `url`"),
            );
            Some(None)
        }
        (usual, None, _) => Some(usual.map(str::to_owned)),
        (_, Some(url), place) => match check_url(&url) {
            Ok(()) => Some(Some(url)),
            Err(why) => {
                let place = place.unwrap_or_default();
                found.at(place, &path, format!("the profile `{name}` cannot be used: {why}"));
                None
            }
        },
    }
}
