//! Applies presets to a workflow: finds the parameters of their keys, and checks the values.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::{Number, Value};

use super::{Placed, Preset};
use crate::domain::diagnostic::{Diagnostic, did_you_mean};
use crate::domain::draft::Layer;
use crate::domain::param::is_whole;
use crate::domain::{ParamKey, ParamKind, Parameter, SeedPolicy, Setting, value};

/// Applies presets to a workflow's parameters, parents first. `path` resolves a path as written in a preset.
///
/// Unknown keys and values of a wrong type are reported and ignored. A number outside its parameter's range is
/// reported and used, since servers differ in what they accept.
pub fn settle(
    chain: &[Preset],
    params: &[Parameter],
    path: impl Fn(&Preset, &str) -> PathBuf,
) -> (Layer, Vec<Diagnostic>) {
    let mut known: IndexMap<&str, Vec<&Parameter>> = IndexMap::new();
    for param in params {
        known.entry(param.key.as_str()).or_default().push(param);
    }
    let mut settling = Settling { known, layer: Layer::default(), found: Vec::new() };
    for preset in chain {
        settling.preset(preset, &path);
    }
    let top = chain.last().map(|preset| preset.name.as_str()).unwrap_or_default();
    settling.layer.beneath.retain(|_, setter| setter != top);
    (settling.layer, settling.found)
}

struct Settling<'a> {
    // In the workflow's order, so that of two equally similar keys the first is suggested.
    // An input may be of another type under another choice.
    known: IndexMap<&'a str, Vec<&'a Parameter>>,
    layer: Layer,
    found: Vec<Diagnostic>,
}

impl<'a> Settling<'a> {
    fn preset(&mut self, preset: &Preset, path: &impl Fn(&Preset, &str) -> PathBuf) {
        for (key, Placed { value, line }) in &preset.params {
            if let Some(parameter) = self.find(preset, "params", key, *line) {
                let of_key = self.known.get(key.as_str()).into_iter().flatten().copied();
                let fitting = of_key.map(|parameter| (parameter, fitted(parameter, value)));
                let fitting = fitting.reduce(|one, other| if one.1.is_ok() { one } else { other });
                let (parameter, fitted) = fitting.unwrap_or_else(|| (parameter, fitted(parameter, value)));
                match fitted.map(|value| self.whole(parameter, value)) {
                    Ok(value) => {
                        if let Some(why) = value::out_of_range(parameter, &value) {
                            let message = format!("`{key}`: {why}. It is used anyway");
                            self.found.push(Diagnostic { unsure: false, ..at(preset, *line, key, message) });
                        }
                        self.set(preset, &parameter.key, Setting::Value(value));
                    }
                    Err(why) => self.report(preset, *line, key, format!("`{key}` {why}")),
                }
            }
        }
        for (key, Placed { value, line }) in &preset.files {
            if let Some(parameter) = self.find(preset, "files", key, *line) {
                if takes_file(parameter) {
                    if preset.params.contains_key(key) {
                        let why = format!("`{key}` is in both [params] and [files]; the file is used");
                        self.report(preset, *line, key, why);
                    }
                    self.set(preset, &parameter.key, Setting::File(path(preset, value)));
                } else {
                    let why = format!("`{key}` takes no file. Put its value in [params]");
                    self.report(preset, *line, key, why);
                }
            }
        }
        for (name, Placed { value: key, line }) in &preset.aliases {
            if let Some(parameter) = self.find(preset, "aliases", key, *line) {
                self.layer.aliases.insert(name.clone(), parameter.key.clone());
            }
        }
        if let Some(pins) = &preset.pins {
            let of_alias = |name: &String| self.layer.aliases.get(name).map(|key| key.as_str().to_owned());
            let named: Vec<_> = pins
                .iter()
                .map(|pin| (of_alias(&pin.value).unwrap_or_else(|| pin.value.clone()), pin.line))
                .collect();
            let keys = named.iter().filter_map(|(key, line)| self.find(preset, "pins", key, *line));
            let keys = keys.map(|parameter| parameter.key.clone()).collect();
            self.layer.pins = Some(keys);
        }
        if let Some(expand) = preset.expand {
            self.layer.literal = !expand;
            self.layer.expand.clear();
        }
        for (key, Placed { value, line }) in &preset.expand_keys {
            if let Some(parameter) = self.find(preset, "expand", key, *line) {
                self.layer.expand.insert(parameter.key.clone(), *value);
            }
        }
        for (key, Placed { value: word, line }) in &preset.seeds {
            if let Some(parameter) = self.find(preset, "seeds", key, *line) {
                match SeedPolicy::from_word(word) {
                    _ if parameter.kind != ParamKind::Seed => {
                        self.report(preset, *line, key, format!("`{key}` is not a seed"));
                    }
                    Some(policy) => {
                        self.layer.seeds.insert(parameter.key.clone(), policy);
                    }
                    None => {
                        let words = SeedPolicy::ALL.map(SeedPolicy::word);
                        let near = did_you_mean(word, words);
                        let why = format!("`{key}`: `{word}` is not one of {}{near}", words.join(", "));
                        self.report(preset, *line, key, why);
                    }
                }
            }
        }
    }

    /// A table with some fields of a LoRA entry keeps its other fields: `10-inputs-lora_1.strength = 0.5`.
    fn whole(&self, parameter: &Parameter, value: Value) -> Value {
        let beneath = match self.layer.settings.get(&parameter.key) {
            Some(Setting::Value(value)) => value,
            _ => &parameter.default,
        };
        match (&parameter.kind, beneath, value) {
            (ParamKind::Lora, Value::Object(beneath), Value::Object(fields)) => {
                let mut whole = beneath.clone();
                whole.extend(fields);
                Value::Object(whole)
            }
            (_, _, value) => value,
        }
    }

    fn set(&mut self, preset: &Preset, key: &ParamKey, setting: Setting) {
        self.layer.beneath.insert(key.clone(), preset.name.clone());
        self.layer.settings.insert(key.clone(), setting);
    }

    fn find(&mut self, preset: &Preset, section: &str, key: &str, line: usize) -> Option<&'a Parameter> {
        let found = self.known.get(key).and_then(|of_key| of_key.first().copied());
        if found.is_none() {
            let why = match preset.aliases.get(key) {
                Some(alias) if section != "aliases" => {
                    format!("`{key}` is an alias; in [{section}] write its key, `{}`", alias.value)
                }
                _ => {
                    let near = did_you_mean(key, self.known.keys().copied());
                    format!("`{key}` in [{section}] is not a parameter of the workflow{near}")
                }
            };
            self.report(preset, line, key, why);
        }
        found
    }

    fn report(&mut self, preset: &Preset, line: usize, key: &str, message: String) {
        self.found.push(at(preset, line, key, message));
    }
}

fn at(preset: &Preset, line: usize, key: &str, message: String) -> Diagnostic {
    let file = preset.file.clone();
    Diagnostic { file, line: Some(line), key: key.to_owned(), message, unsure: true }
}

fn takes_file(parameter: &Parameter) -> bool {
    use ParamKind::{Choice, File, LongText, Text};
    matches!(parameter.kind, File(_) | Text | LongText | Choice)
}

/// The value for a parameter. A number too large for TOML is given as a string, as is JSON
/// that TOML cannot represent (null).
fn fitted(parameter: &Parameter, given: &Value) -> Result<Value, String> {
    let unquoted = given.as_str().and_then(|text| match parameter.kind {
        ParamKind::Integer | ParamKind::Seed | ParamKind::Float => {
            text.parse::<Number>().ok().map(Value::Number)
        }
        ParamKind::Json | ParamKind::Lora | ParamKind::Several => value::read(parameter, text).ok(),
        ParamKind::Text if value::is_unfilled(&parameter.default) => value::read(parameter, text).ok(),
        _ => None,
    });
    let fitting = unquoted.as_ref().unwrap_or(given);
    if let (ParamKind::Several, Some(list)) = (&parameter.kind, value::list(fitting)) {
        return Ok(value::of_list(list.to_vec()));
    }
    if value::fits(parameter, fitting) {
        return Ok(fitting.clone());
    }
    Err(format!("should be {}, not {}", wanted(&parameter.kind), described(given)))
}

fn wanted(kind: &ParamKind) -> &'static str {
    match kind {
        ParamKind::LongText | ParamKind::Text => "a string in quotes",
        ParamKind::Integer => "a whole number",
        ParamKind::Float => "a number",
        ParamKind::Boolean => "true or false",
        ParamKind::Seed => "a whole number",
        ParamKind::File(_) => "the name of a file on the server (a file of this machine belongs in [files])",
        ParamKind::Choice => "one of its choices",
        ParamKind::Several => "a list of its choices",
        ParamKind::Link => "left alone: it is wired to another node",
        ParamKind::Lora => "a table with the LoRA's fields, or a line such as \"on detail.safetensors 0.8\"",
        ParamKind::Json => "a value",
    }
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if is_whole(number) => "a whole number",
        Value::Number(_) => "a number with a fraction",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}
