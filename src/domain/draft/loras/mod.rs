//! Changes of rows of LoRAs, wherever a node keeps them: in one object each, or in inputs of their own.

use serde_json::{Number, Value, json};

use super::{Draft, Setting};
use crate::domain::lora::{self, Entry};
use crate::domain::param::Presence;
use crate::domain::param::lora_rows::{self as rows, Row};
use crate::domain::scalar::{self, Range};
use crate::domain::{ParamKey, ParamKind, Parameter};

/// A row as it is shown: `on  detail.safetensors  0.8`.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub on: bool,
    pub name: String,
    /// The strength, then the text encoder's where that has its own.
    pub strengths: Vec<Number>,
}

/// Settings that make one change.
type Change = Vec<(ParamKey, Setting)>;

impl Line {
    fn of(entry: &Entry<'_>) -> Self {
        let strengths = [Some(entry.strength), entry.second].into_iter().flatten().cloned().collect();
        Self { on: entry.on, name: entry.name.to_owned(), strengths }
    }

    /// The strengths with a blank in between.
    pub fn strength(&self) -> String {
        self.strengths.iter().map(scalar::short).collect::<Vec<_>>().join(" ")
    }

    /// One line of text, which [`Draft::lora_typed`] reads back.
    pub fn text(&self) -> String {
        let on = if self.on { "on" } else { "off" };
        format!("{on} {} {}", self.name, self.strength()).trim_end().to_owned()
    }
}

impl Draft {
    /// The row that a parameter is, if it is one.
    pub fn lora(&self, key: &ParamKey) -> Option<Line> {
        let param = self.param(key)?;
        let value = self.value(key)?;
        if param.kind == ParamKind::Lora {
            return Entry::read(&value).map(|entry| Line::of(&entry));
        }
        let row = param.lora.as_deref()?;
        let strengths: Vec<Number> =
            row.strengths.iter().filter_map(|key| self.value(key)?.as_number().cloned()).collect();
        let is_zero = |number: &Number| number.as_f64() == Some(0.0);
        let on = match &row.on {
            Some(key) => {
                self.param(key).zip(self.value(key)).is_some_and(|(param, value)| param.is_on(&value))
            }
            // Without a switch, a LoRA of no strength is off.
            None => strengths.is_empty() || !strengths.iter().all(is_zero),
        };
        Some(Line { on, name: value.as_str()?.to_owned(), strengths })
    }

    fn value(&self, key: &ParamKey) -> Option<Value> {
        match self.setting(key)? {
            Setting::Value(value) => Some(value),
            Setting::File(_) => None,
        }
    }

    /// Whether a row of a list loads nothing, so that it is only shown on request.
    pub fn is_empty_row(&self, param: &Parameter) -> bool {
        let row = param.lora.as_deref();
        let number = row.and_then(|row| row.number);
        if param.kind != ParamKind::Lora && number.is_none() {
            return false;
        }
        let is_beyond = row.and_then(|row| self.counted(row)).zip(number).is_some_and(|(most, at)| at > most);
        is_beyond
            || self
                .lora(&param.key)
                .is_some_and(|line| rows::is_none(&line.name) && (row.is_some() || !line.on))
    }

    /// How many rows count, where an input says so.
    fn counted(&self, row: &Row) -> Option<u32> {
        self.value(row.count.as_ref()?)?.as_u64()?.try_into().ok()
    }

    /// The row switched on or off.
    pub fn lora_toggled(&self, key: &ParamKey) -> Option<Change> {
        let on = !self.lora(key)?.on;
        self.lora_switched(key, on)
    }

    fn lora_switched(&self, key: &ParamKey, on: bool) -> Option<Change> {
        let (param, line) = (self.param(key)?, self.lora(key)?);
        if line.on == on {
            return Some(Vec::new());
        }
        if param.kind == ParamKind::Lora {
            return Some(vec![(key.clone(), Setting::Value(lora::toggled(&self.value(key)?)?))]);
        }
        let row = param.lora.as_deref()?;
        if let Some(switch) = &row.on {
            let choices = &self.param(switch)?.choices;
            let is_it = |value: &Value| self.param(switch).is_some_and(|param| param.is_on(value) == on);
            let value = match self.value(switch)? {
                Value::Bool(_) => on.into(),
                _ => choices.iter().map(|choice| &choice.value).find(|value| is_it(value))?.clone(),
            };
            return Some(vec![(switch.clone(), Setting::Value(value))]);
        }
        let strength = |key: &ParamKey| {
            let before = match self.before_edits(key) {
                Some(Setting::Value(Value::Number(number))) if number.as_f64() != Some(0.0) => Some(number),
                _ => None,
            };
            let value = if on { before.map_or(json!(1.0), Value::Number) } else { json!(0.0) };
            (key.clone(), Setting::Value(value))
        };
        (!row.strengths.is_empty()).then(|| row.strengths.iter().map(strength).collect())
    }

    /// The row with its strengths changed by `steps` × 0.05.
    pub fn lora_stepped(&self, key: &ParamKey, steps: i64) -> Option<Change> {
        let param = self.param(key)?;
        if param.kind == ParamKind::Lora {
            return Some(vec![(key.clone(), Setting::Value(lora::stepped(&self.value(key)?, steps)?))]);
        }
        let stepped = |key: &ParamKey| {
            let limits = &self.param(key)?.range;
            let range = Range { step: "0.05".parse().ok(), ..limits.clone() };
            let next = scalar::stepped(self.value(key)?.as_number()?, &range, steps)?;
            Some((key.clone(), Setting::Value(Value::Number(next))))
        };
        let row = param.lora.as_deref().filter(|row| !row.strengths.is_empty())?;
        row.strengths.iter().map(stepped).collect()
    }

    /// The row with another LoRA; an empty one is switched on, and counts.
    pub fn lora_named(&self, key: &ParamKey, name: &str) -> Option<Change> {
        let (param, line) = (self.param(key)?, self.lora(key)?);
        let is_new = self.is_empty_row(param) && !rows::is_none(name);
        if param.kind == ParamKind::Lora {
            let named = lora::renamed(&self.value(key)?, name)?;
            let value = if is_new && !line.on { lora::toggled(&named)? } else { named };
            return Some(vec![(key.clone(), Setting::Value(value))]);
        }
        let row = param.lora.as_deref()?;
        let mut change = vec![(key.clone(), Setting::Value(name.into()))];
        if is_new {
            change.extend(self.lora_switched(key, true)?);
            if let (Some(count), Some(most), Some(number)) = (&row.count, self.counted(row), row.number)
                && number > most
            {
                change.push((count.clone(), Setting::Value(number.into())));
            }
        }
        Some(change)
    }

    /// The row as a line of text says: `off detail.safetensors 0.5`, or the LoRA's name alone.
    ///
    /// # Errors
    /// One sentence with the expected format.
    pub fn lora_typed(&self, key: &ParamKey, text: &str) -> Result<Change, String> {
        let expected =
            || "expected on or off, the LoRA's name and its strength: on detail.safetensors 0.8".to_owned();
        let param = self.param(key).ok_or_else(expected)?;
        if param.kind == ParamKind::Lora {
            let value = lora::parse(&self.value(key).ok_or_else(expected)?, text)?;
            return Ok(vec![(key.clone(), Setting::Value(value))]);
        }
        let row = param.lora.as_deref().ok_or_else(expected)?;
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let on = words.first().and_then(|word| match *word {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        });
        let Some(on) = on else { return self.lora_named(key, text.trim()).ok_or_else(expected) };
        words.remove(0);
        let at = words.len().checked_sub(row.strengths.len()).filter(|at| *at > 0).ok_or_else(expected)?;
        let strengths = words.split_off(at);
        let mut change = vec![(key.clone(), Setting::Value(words.join(" ").into()))];
        for (key, text) in row.strengths.iter().zip(strengths) {
            change.push((key.clone(), Setting::Value(Value::Number(scalar::number(text)?))));
        }
        match self.lora_switched(key, on) {
            // Without a switch, the strengths say it.
            Some(switched) if row.on.is_some() => change.extend(switched),
            _ if !on => {
                for (key, setting) in change.iter_mut().skip(1) {
                    if row.strengths.contains(key) {
                        *setting = Setting::Value(json!(0.0));
                    }
                }
            }
            _ => {}
        }
        Ok(change)
    }

    /// The LoRAs of all rows, each once.
    pub fn loras_used(&self) -> Vec<String> {
        let names = self.params.iter().filter_map(|param| Some(self.lora(&param.key)?.name));
        let mut used: Vec<String> = names.filter(|name| !rows::is_none(name)).collect();
        used.sort_unstable();
        used.dedup();
        used
    }

    /// The rows of a node's list in order, also the empty ones and those that could be added.
    fn lora_list(&self, node: &str) -> Vec<&Parameter> {
        let mut keys: Vec<&Parameter> = Vec::new();
        for param in self.all().filter(|param| param.key.node() == node && is_row_of_list(param)) {
            if !keys.iter().any(|known| known.key == param.key) {
                keys.push(param);
            }
        }
        keys
    }

    /// The next row that could be added: to the list of this parameter's node, else to the first list of the workflow.
    pub fn lora_free(&self, beside: Option<&ParamKey>) -> Option<&ParamKey> {
        let first = || self.all().find(|param| is_row_of_list(param)).map(|param| param.key.node());
        let node =
            beside.map(ParamKey::node).filter(|node| !self.lora_list(node).is_empty()).or_else(first)?;
        let rows = self.lora_list(node);
        let used = rows.iter().rposition(|param| !self.is_empty_row(param)).map_or(0, |at| at + 1);
        // After the last one, else in a gap.
        let free = rows[used..].iter().chain(&rows[..used]).find(|param| self.is_empty_row(param));
        free.map(|param| &param.key)
    }

    /// The row made empty: it loads nothing, and is no longer shown. A row that was added is gone.
    ///
    /// # Errors
    /// Why it can only be switched off.
    pub fn lora_removed(&self, key: &ParamKey) -> Result<Change, &'static str> {
        const NO_ROW: &str = "Only a row of a LoRA list can be removed; t turns a LoRA off";
        let param = self.param(key).filter(|param| is_row_of_list(param)).ok_or(NO_ROW)?;
        if param.kind == ParamKind::Lora {
            let value = match param.presence {
                Presence::OnceSet => Some(param.default.clone()),
                Presence::Always | Presence::Under { .. } => {
                    self.value(key).and_then(|entry| rows::emptied_object(&entry))
                }
            };
            return value.map(|value| vec![(key.clone(), Setting::Value(value))]).ok_or(NO_ROW);
        }
        let is_none = |name: &&Value| name.as_str().is_some_and(rows::is_none);
        let none = match &param.choices[..] {
            [] => Some(Value::from(rows::NONE)),
            choices => choices.iter().map(|choice| &choice.value).find(is_none).cloned(),
        };
        let none = none.ok_or("This list has no empty rows; t turns the LoRA off")?;
        let row = param.lora.as_deref().filter(|row| row.on.is_some());
        let mut change = row.and_then(|_| self.lora_switched(key, false)).unwrap_or_default();
        change.push((key.clone(), Setting::Value(none)));
        Ok(change)
    }

    /// The row changed places with the nearest one before or after it that is in use. Returns the key of its new place.
    pub fn lora_moved(&self, key: &ParamKey, up: bool) -> Option<(ParamKey, Change)> {
        let rows: Vec<&Parameter> =
            self.lora_list(key.node()).into_iter().filter(|param| !self.is_empty_row(param)).collect();
        let at = rows.iter().position(|param| param.key == *key)?;
        let other = *rows.get(if up { at.checked_sub(1)? } else { at + 1 })?;
        let parts = |param: &Parameter| -> Vec<ParamKey> {
            let parts = param.lora.iter().flat_map(|row| row.parts());
            std::iter::once(&param.key).chain(parts).cloned().collect()
        };
        let (ours, theirs) = (parts(rows[at]), parts(other));
        if ours.len() != theirs.len() {
            return None;
        }
        let mut change = Vec::new();
        for (one, another) in ours.into_iter().zip(theirs) {
            let (of_one, of_another) = (self.setting(&one)?, self.setting(&another)?);
            change.extend([(one, of_another), (another, of_one)]);
        }
        Some((other.key.clone(), change))
    }
}

/// Whether a parameter is a row among several of its node.
fn is_row_of_list(param: &Parameter) -> bool {
    param.kind == ParamKind::Lora || param.lora.as_deref().is_some_and(|row| row.number.is_some())
}

#[cfg(test)]
mod tests;
