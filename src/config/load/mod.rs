//! Reads `config.toml` and collects its problems.

mod notify;
mod profiles;
mod secrets;
mod ui;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use thiserror::Error;
use toml::de::{DeTable, DeValue};

pub use self::notify::Notify;
pub use self::ui::{ThemeChoice, Ui};
use super::profile::{check_url, path_of};
use super::{Dirs, Profile};
use crate::domain::OutputName;
use crate::domain::diagnostic::{Diagnostic, Diagnostics, did_you_mean, nearest};
use crate::domain::tables::{self, Fields, describe, entries};
use notify::read_notify;
use profiles::read_profiles;
use ui::read_ui;

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
    pub notify: Notify,
    /// Size limit in bytes of one run's log: `max_log` in `[history]`.
    pub max_log: MaxLog,
    /// What may be spent: the table `[spend]`.
    pub spend: Spend,
    /// Commands that a text can be piped through, by name: the table `[pipes]`.
    pub pipes: IndexMap<String, String>,
    /// Command → keys that replace its default ones. The dashboard checks them.
    pub keys: IndexMap<String, Vec<String>>,
    /// Lines of the file with these commands.
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

/// Spending limits in the currency of `cost_per_second`; `None` without a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spend {
    /// For all runs of a batch.
    pub per_batch: Option<f64>,
    /// For all runs of a day.
    pub per_day: Option<f64>,
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
        if let Some(notify) = fields.table("notify", &mut found) {
            config.notify = read_notify(notify, &mut found);
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
        if let Some(pipes) = fields.table("pipes", &mut found) {
            config.pipes = read_pipes(pipes, &mut found);
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

    /// Adds file and line, where known, to a problem with `[keys]` that the dashboard found.
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

/// An amount of money, with or without a decimal point.
fn read_money(name: &'static str, fields: &mut Fields<'_, '_>, found: &mut Diagnostics<'_>) -> Option<f64> {
    fields.typed(name, "an amount of money such as 0.0012 or 5", found, |value| {
        let whole = value.as_integer().filter(|number| number.radix() == 10);
        let text = whole.map(|number| number.as_str()).or_else(|| Some(value.as_float()?.as_str()))?;
        text.parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount >= 0.0)
    })
}

/// Reads a size such as `"512 MB"`.
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

fn read_pipes(table: &DeTable<'_>, found: &mut Diagnostics<'_>) -> IndexMap<String, String> {
    let mut pipes = IndexMap::new();
    for (name, _, value) in entries(table) {
        match value.get_ref().as_str().filter(|command| !command.trim().is_empty()) {
            Some(command) => {
                pipes.insert(name.to_owned(), command.to_owned());
            }
            None => {
                let path = format!("pipes.{name}");
                let what = describe(value.get_ref());
                let message = format!("`{path}` should be a shell's command, not {what}");
                found.at(value.span(), &path, message);
            }
        }
    }
    pipes
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
