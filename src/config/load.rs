//! Reads `config.toml` and collects its problems.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use thiserror::Error;
use toml::de::{DeTable, DeValue};

use super::profile::{CredentialSource, DEFAULT_CONCURRENCY, check_url, path_of};
use super::secret::OWN;
use super::{Dirs, Profile, Secret, SecretSource};
use crate::domain::OutputName;
use crate::domain::diagnostic::{Diagnostic, Diagnostics, did_you_mean, nearest};
use crate::domain::run::{Form, Protocol, Trust};
use crate::domain::tables::{self, Fields, describe, entries};
use crate::picture::PictureMode;

/// The settings of `config.toml`. Without the file: no profiles, and the defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Path of the file, whether or not it exists.
    pub path: PathBuf,
    pub default_profile: Option<String>,
    /// Profiles by name, in file order.
    pub profiles: IndexMap<String, Profile>,
    /// The defaults for profiles: table `[output]`.
    pub output: OutputSettings,
    pub ui: Ui,
    /// Size limit in bytes of one run's log: `max_log` in `[history]`.
    pub max_log: MaxLog,
    /// What may be spent: the table `[spend]`.
    pub spend: Spend,
    /// Command → keys that replace its default ones. The dashboard checks them.
    pub keys: IndexMap<String, Vec<String>>,
    /// Lines of the file on which these stand.
    pub key_lines: IndexMap<String, usize>,
    /// Fields that could not be used, and a file that others can read.
    pub warnings: Vec<Diagnostic>,
}

/// Folder and names of outputs: the table `[output]`, and the same fields in a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputSettings {
    pub output_dir: Option<PathBuf>,
    pub output_name: Option<OutputName>,
    /// Whether to write a description beside each output.
    pub sidecar: Option<bool>,
}

/// Size limit in bytes of one run's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxLog(pub u64);

impl Default for MaxLog {
    fn default() -> Self {
        Self(1_000_000_000)
    }
}

/// What runs may cost, in the currency of `cost_per_second`; `None` without a ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spend {
    /// All runs of a batch.
    pub per_batch: Option<f64>,
    /// All runs of a day.
    pub per_day: Option<f64>,
}

/// Settings of the dashboard: the table `[ui]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ui {
    pub theme: ThemeChoice,
    /// Whether to use the mouse.
    pub mouse: bool,
    /// Whether each frame waits until the terminal has processed the one before.
    pub flow_control: bool,
    /// This machine's name as seen from the person's own, for `scp`; by default its address.
    pub scp_host: Option<String>,
    pub pictures: PictureMode,
    /// Most bytes for drawing a picture; `None` adapts to the connection.
    pub picture_bytes: Option<usize>,
    /// Whether to ask before sending a request identical to a finished run's.
    pub ask_if_same: bool,
    /// Whether only ASCII is drawn; `None` for what suits the terminal.
    pub ascii: Option<bool>,
    /// Whether the terminal's cursor stays at what is selected.
    pub park_cursor: bool,
    /// Whether the dashboard is told in lines, for a screen reader.
    pub reader: bool,
}

impl Default for Ui {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::Auto,
            mouse: true,
            flow_control: true,
            scp_host: None,
            pictures: PictureMode::Auto,
            picture_bytes: None,
            ask_if_same: true,
            ascii: None,
            park_cursor: false,
            reader: false,
        }
    }
}

/// Smallest allowed `picture_bytes`.
const FEWEST_PICTURE_BYTES: usize = 1_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeChoice {
    /// By the terminal's background colour, else dark.
    #[default]
    Auto,
    Dark,
    Light,
}

impl ThemeChoice {
    pub const ALL: [Self; 3] = [Self::Auto, Self::Dark, Self::Light];

    /// The word in `config.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }

    /// Parses [`ThemeChoice::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.word() == word)
    }
}

/// Why the config cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The file exists but cannot be read.
    #[error("{path} cannot be read: {why}", path = .path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("there is no profile `{name}` in {path}{near}", path = .path.display())]
    NoSuchProfile {
        name: String,
        path: PathBuf,
        /// `. Did you mean …?`, or the existing names.
        near: String,
    },
    /// No profile and no address.
    #[error(
        "no profile or address to run on. Run `comfydeck init` to set up a profile, or pass --url ADDRESS"
    )]
    NoProfile,
    /// Several profiles, none of them the default.
    #[error("{path} has several profiles and no default_profile. Name one with --profile: {names}", path = .path.display())]
    ManyProfiles {
        path: PathBuf,
        /// The names, separated by commas.
        names: String,
    },
    #[error("--url {url}: {why}")]
    BadUrl {
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Config {
    /// Reads the config file. Fields that cannot be used become [`Config::warnings`]; the rest still loads.
    ///
    /// # Errors
    /// When the file exists but cannot be read.
    pub fn load(dirs: &Dirs) -> Result<Self, ConfigError> {
        let path = dirs.config_file();
        let unreadable = |why: String| ConfigError::Unreadable { path: path.clone(), why };
        let text = match std::fs::read(&path) {
            Ok(bytes) => {
                String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let mut config = Self { path, ..Self::default() };
                config.put_outputs(dirs);
                return Ok(config);
            }
            Err(e) => return Err(unreadable(e.to_string())),
        };
        let mut config = Self::parse(&text, &path);
        config.warnings.extend(config.permissions());
        config.put_outputs(dirs);
        Ok(config)
    }

    /// Sets the default folder for outputs.
    fn put_outputs(&mut self, dirs: &Dirs) {
        let profiles = self.profiles.values_mut().map(|profile| &mut profile.output_dir);
        for output_dir in profiles.chain([&mut self.output.output_dir]) {
            output_dir.get_or_insert_with(|| dirs.outputs.clone());
        }
    }

    /// The profile to use: a bare address, else the named one, else the default, else the only one.
    ///
    /// # Errors
    /// When there is no such profile.
    pub fn choose(&self, profile: Option<&str>, url: Option<&str>) -> Result<Profile, ConfigError> {
        if let Some(url) = url {
            return match check_url(url) {
                Ok(()) => {
                    let mut profile = Profile::of_url(url);
                    self.output.put_into(&mut profile, &OutputSettings::default());
                    Ok(profile)
                }
                Err(why) => Err(ConfigError::BadUrl { url: url.to_owned(), why }),
            };
        }
        if let Some(name) = profile.or(self.default_profile.as_deref()) {
            return self.profile(name);
        }
        let mut all = self.profiles.values();
        match (all.next(), all.next()) {
            (None, _) => Err(ConfigError::NoProfile),
            (Some(only), None) => Ok(only.clone()),
            _ => Err(ConfigError::ManyProfiles { path: self.path.clone(), names: self.names() }),
        }
    }

    /// The profile with this name.
    ///
    /// # Errors
    /// When there is none; the error suggests a similar name.
    pub fn profile(&self, name: &str) -> Result<Profile, ConfigError> {
        self.profiles.get(name).cloned().ok_or_else(|| {
            let near = match nearest(name, self.profiles.keys().map(String::as_str)) {
                Some(near) => format!(". Did you mean `{near}`?"),
                None if self.profiles.is_empty() => ". Run `comfydeck init` to set one up".to_owned(),
                None => format!(". There is: {}", self.names()),
            };
            ConfigError::NoSuchProfile { name: name.to_owned(), path: self.path.clone(), near }
        })
    }

    /// Parses the text of a config file at `path`.
    pub fn parse(text: &str, path: &Path) -> Self {
        let shown = path.display().to_string();
        let mut found = Diagnostics::new(&shown, text);
        let table = tables::parse(text, &mut found);
        let mut fields = Fields::new(&table, "");
        let mut config = Self { path: path.to_owned(), ..Self::default() };
        config.default_profile = fields.text("default_profile", &mut found);
        let folder = path.parent().unwrap_or(Path::new("."));
        if let Some(output) = fields.table("output", &mut found) {
            let mut fields = Fields::new(output, "output");
            config.output = OutputSettings::read("output", &mut fields, folder, &mut found);
            fields.finish(&mut found);
        }
        if let Some(profiles) = fields.table("profiles", &mut found) {
            config.profiles = read_profiles(profiles, folder, &config.output, &mut found);
        }
        if let Some(ui) = fields.table("ui", &mut found) {
            config.ui = read_ui(ui, &mut found);
        }
        if let Some(history) = fields.table("history", &mut found) {
            config.max_log = read_max_log(history, &mut found);
        }
        if let Some(spend) = fields.table("spend", &mut found) {
            let mut fields = Fields::new(spend, "spend");
            let mut most = |name| read_money(name, &mut fields, &mut found);
            config.spend = Spend { per_batch: most("per_batch"), per_day: most("per_day") };
            fields.finish(&mut found);
        }
        if let Some(keys) = fields.table("keys", &mut found) {
            config.keys = read_keys(keys, &mut found);
            config.key_lines =
                entries(keys).map(|(name, _, value)| (name.to_owned(), found.line(&value.span()))).collect();
        }
        if let Some(name) = config.default_profile.as_deref().filter(|n| !config.profiles.contains_key(*n)) {
            let place = table.get("default_profile").map_or(0..0, toml::Spanned::span);
            let near = did_you_mean(name, config.profiles.keys().map(String::as_str));
            found.at(place, "default_profile", format!("there is no profile `{name}`{near}"));
        }
        fields.finish(&mut found);
        config.warnings = found.finish();
        config
    }

    /// A problem with `[keys]`, which the dashboard found, with the place in the file where that is known.
    pub fn key_problem(&self, problem: &str) -> String {
        let named = |name: &str| problem.starts_with(&format!("[keys] {name}:"));
        match self.key_lines.iter().find(|(name, _)| named(name)) {
            Some((_, line)) => format!("{}:{line}: {problem}", self.path.display()),
            None => problem.to_owned(),
        }
    }

    fn names(&self) -> String {
        self.profiles.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// A warning when the file contains a secret and others can read it.
    fn permissions(&self) -> Option<Diagnostic> {
        let holds_secret = self.profiles.values().any(Profile::holds_secret);
        let mode = std::fs::metadata(&self.path).ok()?.permissions().mode();
        (holds_secret && mode & 0o077 != 0).then(|| Diagnostic {
            file: self.path.display().to_string(),
            line: None,
            key: String::new(),
            unsure: false,
            message: format!(
                "other users can read this file, and it holds a secret. Run: chmod 600 {}",
                quoted(&self.path.display().to_string())
            ),
        })
    }
}

/// Quotes a path for a shell.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

impl OutputSettings {
    fn read(table: &str, fields: &mut Fields<'_, '_>, folder: &Path, found: &mut Diagnostics<'_>) -> Self {
        let output_dir = fields.text("output_dir", found).map(|path| path_of(&path, folder));
        let path = format!("{table}.output_name");
        let place = fields.any("output_name").map(|(_, place)| place);
        let output_name = fields.text("output_name", found).and_then(|text| {
            let read = OutputName::parse(&text);
            read.map_err(|why| found.at(place.unwrap_or_default(), &path, format!("`{path}` {why}"))).ok()
        });
        Self { output_dir, output_name, sidecar: fields.boolean("sidecar", found) }
    }

    /// Fills a profile's missing settings from these.
    fn put_into(&self, profile: &mut Profile, own: &Self) {
        profile.output_dir = own.output_dir.clone().or_else(|| self.output_dir.clone());
        profile.output_name = own.output_name.clone().or_else(|| self.output_name.clone());
        profile.sidecar = own.sidecar.or(self.sidecar).unwrap_or(false);
    }
}

fn read_profiles(
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
    let protocol = fields.typed("protocol", "\"stream\", \"cloud\" or \"comfyui\"", found, |value| {
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

/// The secrets of a profile: those that its protocol takes, and custom headers.
fn read_secrets(
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
            found.at(place, &path, format!("`{path}` is not used: protocol \"{word}\" asks for no {key}"));
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

/// An amount of money, with or without a point.
fn read_money(name: &'static str, fields: &mut Fields<'_, '_>, found: &mut Diagnostics<'_>) -> Option<f64> {
    fields.typed(name, "an amount of money such as 0.0012 or 5", found, |value| {
        let whole = value.as_integer().filter(|number| number.radix() == 10);
        let text = whole.map(|number| number.as_str()).or_else(|| Some(value.as_float()?.as_str()))?;
        text.parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount >= 0.0)
    })
}

/// Parses a number of bytes, given as a whole number or a text such as `"512 MB"`.
fn read_max_log(table: &DeTable<'_>, found: &mut Diagnostics<'_>) -> MaxLog {
    let mut fields = Fields::new(table, "history");
    let wanted = "a size such as \"512 MB\" or \"2 GB\", of 1 MB or more";
    let bytes = fields.typed("max_log", wanted, found, |value| {
        let text = value.as_str()?.trim().to_ascii_uppercase();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let unit: u64 = match unit.trim() {
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
    });
    fields.finish(found);
    bytes.map_or_else(MaxLog::default, MaxLog)
}

fn read_ui(table: &DeTable<'_>, found: &mut Diagnostics<'_>) -> Ui {
    let mut fields = Fields::new(table, "ui");
    let default = Ui::default();
    let themes = "\"auto\", \"dark\" or \"light\"";
    let theme = fields.typed("theme", themes, found, |value| ThemeChoice::from_word(value.as_str()?));
    let mouse = fields.boolean("mouse", found);
    let flow_control = fields.boolean("flow_control", found);
    let scp_host = fields.text("scp_host", found).filter(|host| !host.is_empty());
    let kinds = "\"auto\", \"kitty\", \"iterm2\", \"sixel\", \"blocks\" or \"off\"";
    let pictures = fields.typed("pictures", kinds, found, |value| PictureMode::of_name(value.as_str()?));
    let picture_bytes = fields.typed("picture_bytes", "a whole number from 1000 on", found, |value| {
        let number = value.as_integer().filter(|number| number.radix() == 10)?;
        number.as_str().parse::<usize>().ok().filter(|number| *number >= FEWEST_PICTURE_BYTES)
    });
    let ask_if_same = fields.boolean("ask_if_same", found);
    let ascii =
        fields.typed("ascii", "\"auto\", \"on\" or \"off\"", found, |value| match value.as_str()? {
            "auto" => Some(None),
            "on" => Some(Some(true)),
            "off" => Some(Some(false)),
            _ => None,
        });
    let park_cursor = fields.boolean("park_cursor", found);
    let reader = fields.boolean("reader", found);
    fields.finish(found);
    Ui {
        theme: theme.unwrap_or(default.theme),
        mouse: mouse.unwrap_or(default.mouse),
        flow_control: flow_control.unwrap_or(default.flow_control),
        scp_host,
        pictures: pictures.unwrap_or(default.pictures),
        picture_bytes,
        ask_if_same: ask_if_same.unwrap_or(default.ask_if_same),
        ascii: ascii.unwrap_or(default.ascii),
        park_cursor: park_cursor.unwrap_or(default.park_cursor),
        reader: reader.unwrap_or(default.reader),
    }
}

fn read_keys(table: &DeTable<'_>, found: &mut Diagnostics<'_>) -> IndexMap<String, Vec<String>> {
    let mut keys = IndexMap::new();
    for (action, _, value) in entries(table) {
        let texts = match value.get_ref() {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(list) => {
                list.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
            }
            _ => None,
        };
        match texts {
            Some(texts) => {
                keys.insert(action.to_owned(), texts);
            }
            None => {
                let path = format!("keys.{action}");
                let what = describe(value.get_ref());
                let message =
                    format!("`{path}` should be a key such as \"ctrl+r\" or a list of keys, not {what}");
                found.at(value.span(), &path, message);
            }
        }
    }
    keys
}
