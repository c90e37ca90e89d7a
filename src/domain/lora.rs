//! One entry of a LoRA list, as nodes of several packs store it: an object with a switch, a file name and a strength.
//! Shown and edited as `on  detail.safetensors  0.8`.

use serde_json::{Map, Number, Value};

use super::scalar::{self, Range};

/// Field names of the switch, by pack.
const ON: [&str; 4] = ["on", "active", "enabled", "enable"];
const NAME: [&str; 3] = ["lora", "lora_name", "name"];
const STRENGTH: [&str; 3] = ["strength", "strength_model", "weight"];
/// Field names of a separate text-encoder strength; null while it is the same.
const SECOND: [&str; 4] = ["strengthTwo", "strength_two", "strength_clip", "clipStrength"];

/// The editable fields of an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry<'a> {
    pub on: bool,
    pub name: &'a str,
    pub strength: &'a Number,
    pub second: Option<&'a Number>,
}

impl<'a> Entry<'a> {
    /// Parses an entry; `None` when the value is something else.
    pub fn read(value: &'a Value) -> Option<Self> {
        let object = value.as_object()?;
        let of = |names: &[&str]| names.iter().find_map(|name| object.get(*name));
        Some(Self {
            on: of(&ON)?.as_bool()?,
            name: of(&NAME)?.as_str()?,
            strength: of(&STRENGTH)?.as_number()?,
            second: of(&SECOND).and_then(Value::as_number),
        })
    }

    /// One line of text, which [`parse`] reads back.
    pub fn text(&self) -> String {
        let on = if self.on { "on" } else { "off" };
        let second = self.second.map_or_else(String::new, |second| format!(" {}", scalar::short(second)));
        format!("{on} {} {}{second}", self.name, scalar::short(self.strength))
    }
}

/// Updates an entry from a line such as `off detail.safetensors 0.5`; other fields stay unchanged.
///
/// # Errors
/// One sentence with the expected format.
pub fn parse(before: &Value, text: &str) -> Result<Value, String> {
    let wrong =
        || "expected on or off, the LoRA's name and its strength: on detail.safetensors 0.8".to_owned();
    let Some(entry) = Entry::read(before) else { return Err(wrong()) };
    let (on, rest) = text.trim().split_once(char::is_whitespace).ok_or_else(wrong)?;
    let on = scalar::boolean(on).map_err(|_| wrong())?;
    let (rest, second) = match entry.second {
        Some(_) => {
            let (rest, second) = rest.trim().rsplit_once(char::is_whitespace).ok_or_else(wrong)?;
            (rest, Some(scalar::number(second)?))
        }
        None => (rest, None),
    };
    let (name, strength) = rest.trim().rsplit_once(char::is_whitespace).ok_or_else(wrong)?;
    let strength = scalar::number(strength)?;
    let mut after = before.clone();
    if let Value::Object(object) = &mut after {
        put(object, &ON, on.into());
        put(object, &NAME, name.trim().into());
        // An unchanged strength keeps its exact digits.
        if scalar::short(entry.strength) != scalar::short(&strength) {
            put(object, &STRENGTH, Value::Number(strength));
        }
        if let Some(second) =
            second.filter(|new| entry.second.is_some_and(|old| scalar::short(old) != scalar::short(new)))
        {
            put(object, &SECOND, Value::Number(second));
        }
    }
    Ok(after)
}

/// The entry switched on or off.
pub fn toggled(before: &Value) -> Option<Value> {
    let on = Entry::read(before)?.on;
    changed(before, &ON, (!on).into())
}

/// The entry with another LoRA.
pub fn renamed(before: &Value, name: &str) -> Option<Value> {
    Entry::read(before)?;
    changed(before, &NAME, name.into())
}

/// The entry with this strength, also for the text encoder where that has its own.
pub fn with_strengths(before: &Value, strength: u32) -> Option<Value> {
    let has_second = Entry::read(before)?.second.is_some();
    let after = changed(before, &STRENGTH, strength.into())?;
    if has_second { changed(&after, &SECOND, strength.into()) } else { Some(after) }
}

/// The entry with its strength changed by `steps` × 0.05.
pub fn stepped(before: &Value, steps: i64) -> Option<Value> {
    let range = Range { step: "0.05".parse().ok(), ..Default::default() };
    let strength = scalar::stepped(Entry::read(before)?.strength, &range, steps)?;
    changed(before, &STRENGTH, Value::Number(strength))
}

fn changed(before: &Value, names: &[&str], value: Value) -> Option<Value> {
    let mut object = before.as_object()?.clone();
    put(&mut object, names, value);
    Some(Value::Object(object))
}

/// Sets whichever of these fields the entry has.
fn put(object: &mut Map<String, Value>, names: &[&str], value: Value) {
    if let Some(name) = names.iter().find(|name| object.contains_key(**name)) {
        object.insert((*name).to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_reads_in_one_line_and_goes_back_whole() {
        let entry = json!({"on": false, "lora": "my detail.safetensors", "strength": 1, "strengthTwo": null, "x": [1]});
        assert_eq!(Entry::read(&entry).map(|e| e.text()).as_deref(), Some("off my detail.safetensors 1"));
        let after = json!({"on": true, "lora": "my detail.safetensors", "strength": 0.5, "strengthTwo": null, "x": [1]});
        assert_eq!(parse(&entry, "on my detail.safetensors 0.5"), Ok(after));
        assert_eq!(parse(&entry, "off my detail.safetensors 1"), Ok(entry.clone()));
        assert_eq!(toggled(&entry).and_then(|e| e["on"].as_bool()), Some(true));
        assert_eq!(stepped(&entry, -1).map(|e| e["strength"].to_string()).as_deref(), Some("0.95"));
        for wrong in ["", "on", "maybe a 1", "on a x"] {
            assert!(parse(&entry, wrong).is_err(), "{wrong}");
        }
        let two = json!({"active": true, "name": "a", "strength": 0.8, "strength_clip": 0.4});
        assert_eq!(Entry::read(&two).map(|e| e.text()).as_deref(), Some("on a 0.8 0.4"));
        assert_eq!(parse(&two, "on a 2 0.8 0.5").map(|e| e["name"].clone()), Ok(json!("a 2")));
        assert_eq!(Entry::read(&json!({"on": true, "lora": "a"})), None);
    }
}
