//! LoRAs as rows: on, name, strength. A node keeps a row in one object ([`Entry`]), or in inputs of their own,
//! which are told apart by their names: `switch_2`, `lora_name_2`, `model_weight_2`, `clip_weight_2`.

use super::{OfNode, ParamKind, Parameter, Presence};
use crate::domain::ParamKey;
use crate::domain::lora::{self, Entry};

/// The inputs of a row, besides the LoRA's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its number among the node's rows; `None` for a node that loads one LoRA.
    pub number: Option<u32>,
    /// What switches it on and off.
    pub on: Option<ParamKey>,
    /// The strength, then the text encoder's where that has its own.
    pub strengths: Vec<ParamKey>,
    /// The input that says how many rows count.
    pub count: Option<ParamKey>,
}

impl Row {
    /// The inputs that belong to no other row.
    pub fn parts(&self) -> impl Iterator<Item = &ParamKey> {
        self.on.iter().chain(&self.strengths)
    }
}

/// What an input is in a row, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Name,
    On,
    Strength,
    /// For the model alone, where another is for the text encoder.
    OfModel,
    OfClip,
    Count,
}

/// Finds the rows of one node among its parameters, and says of each parameter what it is in them.
pub(super) fn mark(of_node: &mut [Parameter]) {
    let Some(first) = of_node.first() else { return };
    let is_loader = first.class_type.to_ascii_lowercase().contains("lora");
    let parts: Vec<Option<(Part, Option<u32>)>> = of_node.iter().map(part).collect();
    let at = |wanted: Part, number: Option<u32>| {
        let mut places = (0..parts.len()).filter(|at| parts[*at] == Some((wanted, number)));
        places.next().filter(|_| places.next().is_none())
    };
    let key = |at: usize| of_node[at].key.clone();
    let mut rows = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let Some((Part::Name, number)) = *part else { continue };
        if (number.is_none() && !is_loader) || at(Part::Name, number) != Some(place) {
            continue;
        }
        let one = at(Part::Strength, number);
        let (model, clip) = (at(Part::OfModel, number), at(Part::OfClip, number));
        let strengths: Vec<usize> = match (one, model, clip) {
            // Which of them count depends on a mode: they stay what they are.
            (Some(_), Some(_), _) => Vec::new(),
            (one, model, clip) => one.into_iter().chain(model).chain(clip).collect(),
        };
        if strengths.is_empty() && number.is_none() {
            continue;
        }
        rows.push((
            place,
            Row {
                number,
                on: at(Part::On, number).map(key),
                strengths: strengths.into_iter().map(key).collect(),
                count: at(Part::Count, None).filter(|_| number.is_some()).map(key),
            },
        ));
    }
    for (place, row) in rows {
        for parameter in of_node.iter_mut() {
            parameter.is_lora_part |= row.parts().any(|part| *part == parameter.key);
        }
        of_node[place].lora = Some(Box::new(row));
    }
}

/// What an input is by its name, its value and its kind, and its number: `model_weight_2` is the second row's strength.
fn part(parameter: &Parameter) -> Option<(Part, Option<u32>)> {
    const SWITCH: [&str; 6] = ["switch", "toggle", "on", "enabled", "enable", "active"];
    const STRENGTH: [&str; 4] = ["strength", "weight", "str", "wt"];
    let name = parameter.key.input().to_ascii_lowercase();
    let (numbers, words): (Vec<&str>, Vec<&str>) =
        name.split('_').partition(|word| word.bytes().all(|b| b.is_ascii_digit()));
    let number = match numbers[..] {
        [] => None,
        [number] => Some(number.parse().ok()?),
        _ => return None,
    };
    let is = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
    let only = |wanted: &[&[&str]]| words.iter().all(|word| wanted.iter().any(|words| words.contains(word)));
    let is_number = matches!(parameter.kind, ParamKind::Integer | ParamKind::Float);
    let is_name = parameter.default.is_string() && !parameter.is_switch();
    let part = match words[..] {
        ["lora"] | ["lora", "name"] | ["name", "lora"] if is_name => Part::Name,
        ["num", "loras"] | ["lora", "count"] | ["loras", "count"] if is_number && number.is_none() => {
            Part::Count
        }
        _ if is(&SWITCH) && only(&[&SWITCH, &["lora"]]) && parameter.is_switch() => Part::On,
        _ if is(&STRENGTH) && only(&[&STRENGTH, &["lora", "model", "clip"]]) && is_number => {
            match (is(&["model"]), is(&["clip"])) {
                (false, false) => Part::Strength,
                (true, false) => Part::OfModel,
                (false, true) => Part::OfClip,
                (true, true) => return None,
            }
        }
        _ => return None,
    };
    Some((part, number))
}

/// The class of nodes that take any number of rows, also when the workflow has none.
const POWER_LOADER: &str = "Power Lora Loader (rgthree)";

/// Adds the rows that a person could add to a node, whose parameters are the last of `found`: a node that keeps rows in objects
/// takes any number of them. They are empty until they are set.
pub(super) fn add_spare(found: &mut Vec<Parameter>, of: &OfNode<'_>) {
    /// Most rows that can be added.
    const MOST: u32 = 24;
    let numbered = |parameter: &Parameter| {
        let (prefix, number) = parameter.key.input().rsplit_once('_')?;
        Some((prefix.to_owned(), number.parse::<u32>().ok()?)).filter(|_| parameter.kind == ParamKind::Lora)
    };
    let of_node = found.iter().rev().take_while(|parameter| parameter.key.node() == of.id);
    let rows: Vec<_> = of_node.filter_map(|parameter| Some((numbered(parameter)?, parameter))).collect();
    let (prefix, last, empty) = match rows.iter().max_by_key(|((_, number), _)| *number) {
        Some(((prefix, number), parameter)) => {
            let usual = lora::with_strengths(&parameter.default, 1);
            (prefix.clone(), *number, usual.as_ref().and_then(emptied_object))
        }
        None if of.node.class_type == POWER_LOADER => {
            let empty = serde_json::json!({"on": false, "lora": NONE, "strength": 1});
            ("lora".to_owned(), 0, Some(empty))
        }
        None => return,
    };
    let Some(empty) = empty else { return };
    let spare = (last + 1..=last + MOST).map(|number| Parameter {
        presence: Presence::OnceSet,
        ..of.parameter(&format!("{prefix}_{number}"), &empty, None)
    });
    found.extend(spare);
}

/// The name that stands for no LoRA.
pub const NONE: &str = "None";

/// An entry that loads nothing.
pub fn emptied_object(entry: &serde_json::Value) -> Option<serde_json::Value> {
    let named = lora::renamed(entry, NONE)?;
    let is_on = Entry::read(&named)?.on;
    if is_on { lora::toggled(&named) } else { Some(named) }
}

/// Whether a name stands for no LoRA.
pub fn is_none(name: &str) -> bool {
    name.is_empty() || name.eq_ignore_ascii_case(NONE)
}
