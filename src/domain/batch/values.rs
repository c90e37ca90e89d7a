//! How people write the values that a parameter goes through: `5,6,7`, `6..10:0.5`, `±20%`, `@lines.txt`, `["a, b", "c"]`, `*`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Number, Value};

use super::MOST_RUNS;
use crate::domain::media::{FileKind, kind_of_name};
use crate::domain::param::{ParamKind, Parameter};
use crate::domain::scalar::Decimal;
use crate::domain::{Draft, ParamKey, Setting, seed, value};

/// Values of a share (`±20%`), unless the person says how many.
const SHARE_VALUES: u32 = 5;

/// Why a text does not say which values a parameter goes through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValuesError {
    #[error("there are no values: write `5,6,7`, `6..10:0.5`, `±20%`, `@lines.txt` or a JSON array")]
    None,
    #[error("`{item}`: {why}")]
    Value { item: String, why: String },
    #[error("`{item}` never ends: the step is 0")]
    NoStep { item: String },
    #[error("`{item}` is more than {MOST_RUNS} values, the most that a batch has")]
    TooMany { item: String },
    #[error("`{item}` is a share of a number, and {text} is none")]
    NoNumber { item: String, text: String },
    #[error("this is not a JSON array: {why}")]
    Json { why: String },
    #[error("{path}: {why}")]
    File { path: String, why: String },
}

/// What the values are for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub parameter: &'a Parameter,
    /// One field of the parameter's object.
    pub field: Option<&'a str>,
    /// What it is set to now.
    pub now: &'a Value,
}

/// Files of this machine.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn text(&self, path: &str) -> Result<String, String>;

    /// The file of this path, or those in the folder of this path, by name.
    ///
    /// # Errors
    /// When there is none.
    fn files(&self, path: &str) -> Result<Vec<PathBuf>, String>;
}

/// The value of a parameter; of one that is set to a file, that of the workflow.
pub fn present(draft: &Draft, key: &ParamKey) -> Option<Value> {
    match draft.setting(key)? {
        Setting::Value(value) => Some(value),
        Setting::File(_) => draft.param(key).map(|parameter| parameter.default.clone()),
    }
}

/// So many seeds: the one that a single run would have, and random ones.
pub fn seeds(
    parameter: &Parameter,
    now: &Value,
    count: usize,
    mut random: impl FnMut() -> u64,
) -> Vec<Setting> {
    let first = now.as_number().filter(|seed| seed.as_u64().is_some());
    let mut settings: Vec<Setting> = first.into_iter().map(|_| Setting::Value(now.clone())).collect();
    let mut known: HashSet<Value> = first.into_iter().map(|_| now.clone()).collect();
    // A range may have fewer seeds than are wanted.
    for _ in 0..count.saturating_mul(4) {
        if settings.len() >= count {
            break;
        }
        let seed = Value::Number(seed::random_seed(&parameter.range, None, random()));
        if known.insert(seed.clone()) {
            settings.push(Setting::Value(seed));
        }
    }
    settings.truncate(count);
    settings
}

/// Reads the values of an axis.
///
/// - `[…]` is a JSON array: the way to write texts with commas or line ends.
/// - `@path` is a file, each line that is not blank a value.
/// - `*` is every entry of a choice.
/// - Otherwise values with commas between them (`\,` is a comma of a value): a range `6..10` or `6..10:0.5` (both ends
///   included, either may be the larger), a share `±20%` or `±2` around what it is now, five values or as many as `±20%:9`
///   says, for a file its path or that of a folder, or a value as `--set` takes it.
///
/// Numbers are reckoned as decimals: `0..1:0.1` has 0.3 in it.
///
/// # Errors
/// A sentence that names the item at fault.
pub fn read(target: Target<'_>, text: &str, files: &dyn Files) -> Result<Vec<Setting>, ValuesError> {
    let text = text.trim();
    let settings = if text.starts_with('[') {
        let values: Vec<Value> =
            serde_json::from_str(text).map_err(|why| ValuesError::Json { why: why.to_string() })?;
        collected(values.iter().map(|value| of_json(target, value, files)))?
    } else if let Some(path) = text.strip_prefix('@') {
        let lines = files.text(path).map_err(|why| ValuesError::File { path: path.to_owned(), why })?;
        let lines =
            lines.lines().map(|line| line.trim_end_matches('\r')).filter(|line| !line.trim().is_empty());
        collected(lines.map(|line| one(target, line, files)))?
    } else if text == "*" && target.parameter.kind == ParamKind::Choice {
        target.parameter.choices.iter().map(|choice| Setting::Value(choice.value.clone())).collect()
    } else {
        collected(items(text).iter().map(|item| several(target, item, files)))?
    };
    match settings.len() {
        0 => Err(ValuesError::None),
        count if count > MOST_RUNS => Err(ValuesError::TooMany { item: shortened(text) }),
        _ => Ok(settings),
    }
}

fn collected(
    found: impl Iterator<Item = Result<Vec<Setting>, ValuesError>>,
) -> Result<Vec<Setting>, ValuesError> {
    Ok(found.collect::<Result<Vec<_>, _>>()?.concat())
}

/// A value that is JSON already: as it is where the parameter takes it so.
///
/// # Errors
/// A sentence that names the value.
pub fn of_json(
    Target { parameter, field, now }: Target<'_>,
    value: &Value,
    files: &dyn Files,
) -> Result<Vec<Setting>, ValuesError> {
    let is_file = matches!(parameter.kind, ParamKind::File(_));
    if field.is_none() && !is_file && value::fits(parameter, value) {
        return match value::out_of_range(parameter, value) {
            None => Ok(vec![Setting::Value(value.clone())]),
            Some(why) => Err(ValuesError::Value { item: shortened(&value::text(value)), why }),
        };
    }
    one(Target { parameter, field, now }, &value::text(value), files)
}

/// A text as one value; of a folder's path as many as there are files in it.
///
/// # Errors
/// A sentence that names the text.
pub fn one(
    Target { parameter, field, now }: Target<'_>,
    text: &str,
    files: &dyn Files,
) -> Result<Vec<Setting>, ValuesError> {
    let fault = |why| ValuesError::Value { item: shortened(text), why };
    if let Some(field) = field {
        return value::with_field(now, field, text).map(|value| vec![Setting::Value(value)]).map_err(fault);
    }
    if let ParamKind::File(kind) = parameter.kind {
        let found = fitting(files.files(text).map_err(fault)?, text, kind).map_err(fault)?;
        return Ok(found.into_iter().map(Setting::File).collect());
    }
    value::parse(parameter, text).map(|value| vec![Setting::Value(value)]).map_err(fault)
}

/// Of a folder's files those that the parameter takes, by their names; a file that is named itself is taken as it is.
fn fitting(found: Vec<PathBuf>, text: &str, kind: FileKind) -> Result<Vec<PathBuf>, String> {
    if let [only] = found.as_slice()
        && only.file_name() == Path::new(text).file_name()
    {
        return Ok(found);
    }
    let (what, takes): (_, fn(&str) -> bool) = match kind {
        FileKind::Image | FileKind::Mask => ("image", |name| kind_of_name(name) == Some(FileKind::Image)),
        // Nodes that take videos take moving pictures, too.
        FileKind::Video => {
            ("video", |name| kind_of_name(name) == Some(FileKind::Video) || name.ends_with(".gif"))
        }
        FileKind::Audio => ("sound", |name| kind_of_name(name) == Some(FileKind::Audio)),
    };
    let is_taken = |path: &PathBuf| path.file_name().is_some_and(|name| takes(&name.to_string_lossy()));
    let taken: Vec<PathBuf> = found.into_iter().filter(is_taken).collect();
    if taken.is_empty() { Err(format!("no file in this folder is named as a {what}")) } else { Ok(taken) }
}

/// What stands between the commas, without the blanks around it.
fn items(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, items.last_mut()) {
            ('\\', Some(item)) if chars.peek() == Some(&',') => {
                chars.next();
                item.push(',');
            }
            (',', _) => items.push(String::new()),
            (c, Some(item)) => item.push(c),
            (_, None) => {}
        }
    }
    items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

fn several(target: Target<'_>, item: &str, files: &dyn Files) -> Result<Vec<Setting>, ValuesError> {
    let present = target.field.map_or(Some(target.now), |field| target.now.get(field));
    let is_number = match target.field {
        Some(_) => present.is_some_and(Value::is_number),
        None => matches!(target.parameter.kind, ParamKind::Integer | ParamKind::Float | ParamKind::Seed),
    };
    let share = ["±", "+-"].iter().find_map(|sign| item.strip_prefix(sign));
    let numbers = match (is_number, share, item.split_once("..")) {
        (true, Some(share), _) => around(target.parameter, present.unwrap_or(&Value::Null), item, share)?,
        (true, None, Some((from, to))) => range(item, from, to)?,
        _ => None,
    };
    let Some(numbers) = numbers else { return one(target, item, files) };
    collected(numbers.iter().map(|number| one(target, number, files)))
}

/// `6..10:0.5`; `None` when these are no numbers.
fn range(item: &str, from: &str, to: &str) -> Result<Option<Vec<String>>, ValuesError> {
    let (to, step) = to.split_once(':').unwrap_or((to, "1"));
    let numbers = [from, to, step].map(|text| Decimal::parse(text.trim()));
    let [Some(from), Some(to), Some(step)] = numbers else { return Ok(None) };
    let too_many = || ValuesError::TooMany { item: item.to_owned() };
    let (from, to) = from.aligned(to).ok_or_else(too_many)?;
    let (from, step) = from.aligned(step).ok_or_else(too_many)?;
    let (from, to) = from.aligned(to).ok_or_else(too_many)?;
    let step = step.rescaled(from.scale).ok_or_else(too_many)?;
    if step.digits == 0 {
        return Err(ValuesError::NoStep { item: item.to_owned() });
    }
    let distance = to.digits.checked_sub(from.digits).ok_or_else(too_many)?;
    let count = distance.unsigned_abs() / step.digits.unsigned_abs();
    let step = step.digits.abs() * distance.signum();
    let count = usize::try_from(count).ok().filter(|count| *count < MOST_RUNS).ok_or_else(too_many)?;
    let number = |at: usize| Decimal { digits: from.digits + step * at as i128, scale: from.scale };
    Ok(Some((0..=count).map(|at| number(at).to_text(0)).collect()))
}

/// `±20%:9`, with what stands behind the sign as `share`; the present value is among them.
fn around(
    parameter: &Parameter,
    now: &Value,
    item: &str,
    share: &str,
) -> Result<Option<Vec<String>>, ValuesError> {
    let (share, count) = share.split_once(':').unwrap_or((share, ""));
    let no_number = || ValuesError::NoNumber { item: item.to_owned(), text: shortened(&value::text(now)) };
    let middle = now.as_number().and_then(|now| now.as_f64()).ok_or_else(no_number)?;
    let count =
        if count.is_empty() { SHARE_VALUES } else { count.trim().parse().map_err(|_| no_number())? };
    let reach = match share.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok().map(|percent| middle * percent / 100.0),
        None => share.trim().parse::<f64>().ok(),
    };
    let Some(reach) = reach.filter(|reach| reach.is_finite()) else { return Ok(None) };
    if count as usize > MOST_RUNS {
        return Err(ValuesError::TooMany { item: item.to_owned() });
    }
    let whole = matches!(parameter.kind, ParamKind::Integer | ParamKind::Seed);
    let half = f64::from(count.saturating_sub(1)) / 2.0;
    let mut found: Vec<String> = Vec::new();
    for at in 0..count {
        let share = if half > 0.0 { (f64::from(at) - half) / half } else { 0.0 };
        let number = within(parameter, middle + reach.abs() * share);
        let text = if whole { format!("{number:.0}") } else { plain(number) };
        if !found.contains(&text) {
            found.push(text);
        }
    }
    Ok(Some(found))
}

/// The nearest number that the parameter takes.
fn within(parameter: &Parameter, number: f64) -> f64 {
    let limit = |limit: &Option<Number>| limit.as_ref().and_then(Number::as_f64);
    let number = limit(&parameter.range.min).map_or(number, |min| number.max(min));
    limit(&parameter.range.max).map_or(number, |max| number.min(max))
}

/// Four significant digits behind the point at the most, none of them idle.
fn plain(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn shortened(text: &str) -> String {
    const CHARS: usize = 40;
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Workflow, param};

    fn parameter(class: &str, input: &str, value: &str) -> Parameter {
        let text = format!(r#"{{"5": {{"class_type": "{class}", "inputs": {{"{input}": {value}}}}}}}"#);
        param::parameters(&Workflow::parse(&text).expect("a workflow")).remove(0)
    }

    struct Disk;

    impl Files for Disk {
        fn text(&self, path: &str) -> Result<String, String> {
            match path {
                "lines.txt" => Ok("a cat, asleep\r\n\n  a dog\n".to_owned()),
                _ => Err("there is no such file".to_owned()),
            }
        }

        fn files(&self, path: &str) -> Result<Vec<PathBuf>, String> {
            match path {
                "in" => Ok(vec!["in/a.png".into(), "in/b.png".into(), "in/notes.txt".into()]),
                "texts" => Ok(vec!["texts/notes.txt".into()]),
                "odd" => Ok(vec!["odd".into()]),
                "c.png" => Ok(vec!["c.png".into()]),
                _ => Err("there is no such file".to_owned()),
            }
        }
    }

    fn values(parameter: &Parameter, field: Option<&str>, text: &str) -> Result<String, String> {
        let target = Target { parameter, field, now: &parameter.default };
        let read = read(target, text, &Disk).map_err(|why| why.to_string())?;
        let json = |setting: &Setting| match setting {
            Setting::Value(value) => value.to_string(),
            Setting::File(path) => path.display().to_string(),
        };
        Ok(format!("[{}]", read.iter().map(json).collect::<Vec<_>>().join(",")))
    }

    #[test]
    fn values_are_read_as_people_write_them() {
        let cfg = parameter("KSampler", "cfg", "7.5");
        let steps = parameter("KSampler", "steps", "20");
        let prompt = parameter("CLIPTextEncode", "text", "\"a cat\"");
        let sampler = parameter("KSampler", "sampler_name", "\"euler\"");
        let table = [
            (&cfg, "5,6, 7.50", "[5,6,7.50]"),
            (&cfg, "6..8:0.5", "[6,6.5,7,7.5,8]"),
            (&cfg, "0..1:0.3", "[0,0.3,0.6,0.9]"),
            (&cfg, "8..6", "[8,7,6]"),
            (&cfg, "0.1..0.3:0.1, 9", "[0.1,0.2,0.3,9]"),
            (&cfg, "±20%", "[6,6.75,7.5,8.25,9]"),
            (&cfg, "+-1:3", "[6.5,7.5,8.5]"),
            (&cfg, "±200%:3", "[0,7.5,22.5]"),
            (&steps, "20..40:10", "[20,30,40]"),
            (&steps, "±10%:3", "[18,20,22]"),
            (&steps, "±1:5", "[19,20,21]"),
            (&sampler, "euler, uni_pc", "[\"euler\",\"uni_pc\"]"),
            (&prompt, "a cat, a dog", "[\"a cat\",\"a dog\"]"),
            (&prompt, "a cat\\, asleep, 1..3", "[\"a cat, asleep\",\"1..3\"]"),
            (&prompt, r#"["a cat, asleep", "a dog"]"#, "[\"a cat, asleep\",\"a dog\"]"),
            (&prompt, "@lines.txt", "[\"a cat, asleep\",\"  a dog\"]"),
            (&cfg, "[5, \"6.5\"]", "[5,6.5]"),
        ];
        for (parameter, text, expected) in table {
            assert_eq!(values(parameter, None, text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn files_fields_and_every_entry_of_a_choice_are_values_too() {
        let image = parameter("LoadImage", "image", "\"in.png\"");
        assert_eq!(values(&image, None, "in, c.png").as_deref(), Ok("[in/a.png,in/b.png,c.png]"));
        assert_eq!(values(&image, None, "odd").as_deref(), Ok("[odd]"), "named itself");
        assert!(values(&image, None, "texts").is_err_and(|why| why.contains("no file in this folder")));
        assert!(values(&image, None, "d.png").is_err_and(|why| why.contains("`d.png`")));
        let lora = parameter("Power Lora Loader (rgthree)", "lora_1", r#"{"lora": "a", "strength": 1}"#);
        let strengths = values(&lora, Some("strength"), "0.5..1:0.5");
        assert_eq!(strengths.as_deref(), Ok(r#"[{"lora":"a","strength":0.5},{"lora":"a","strength":1}]"#));
        assert_eq!(
            values(&lora, Some("strength"), "±50%:3").map(|text| text.matches("strength").count()),
            Ok(3)
        );
        let sampler = parameter("KSampler", "sampler_name", "\"euler\"");
        let all = values(&sampler, None, "*").unwrap_or_default();
        assert!(all.starts_with("[\"euler\",") && all.contains("\"uni_pc\""), "{all}");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let cfg = parameter("KSampler", "cfg", "7.5");
        let steps = parameter("KSampler", "steps", "20");
        let table = [
            (&cfg, "", "there are no values"),
            (&cfg, "5,many", "`many`"),
            (&cfg, "1..2:0", "never ends"),
            (&steps, "1..100000", "more than 10000"),
            (&cfg, "0..1:0.00000000001", "more than 10000"),
            (&steps, "0..2", "less than the smallest value"),
            (&steps, "6..8:0.5", "`6.5`"),
            (&cfg, "[5", "not a JSON array"),
            (&cfg, "@gone.txt", "gone.txt: there is no such file"),
            (&cfg, "99999999999999999999999999999999999999999..2", "`9999"),
        ];
        for (parameter, text, expected) in table {
            let told = values(parameter, None, text).expect_err(text);
            assert!(told.contains(expected), "{text}: {told}");
        }
    }
}
