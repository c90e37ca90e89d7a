//! Matches the values of another graph with the parameters of a draft.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::param::{self, ParamKind, Parameter};
use super::{Draft, ParamKey, SeedPolicy, Setting, Workflow, value};

/// Which values of a graph a draft can take over. Links are not values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fit {
    /// Values that fit and differ from the draft's, in the graph's order.
    pub differ: Vec<Differing>,
    /// Values that are equal in both.
    pub same: Vec<(ParamKey, Value)>,
    /// Values that the draft's parameter does not accept.
    pub refused: Vec<Refused>,
    /// Values without a parameter in the draft.
    pub unmatched: Vec<Unmatched>,
    /// Parameters of the draft that the graph does not have; they keep their values.
    pub unnamed: Vec<ParamKey>,
}

/// A value that fits and differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Differing {
    pub key: ParamKey,
    pub now: Setting,
    pub there: Value,
}

/// A value that its parameter does not accept.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub key: ParamKey,
    pub there: Value,
    pub why: &'static str,
}

/// A value without a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmatched {
    /// The key in the graph.
    pub key: ParamKey,
    pub class_type: String,
    pub there: Value,
    /// Why the draft has no parameter for it.
    pub why: &'static str,
}

impl Fit {
    /// Compares a graph with a draft.
    ///
    /// A node matches the draft's node with the same number and class; failing that, the only other node of its class
    /// when there is exactly one in both, since numbers change when a workflow is rebuilt.
    pub fn new(graph: &Workflow, draft: &Draft) -> Self {
        let mut fit = Self::default();
        let known = nodes(draft);
        let pairs = paired(graph, &known);
        let mut named = HashSet::new();
        for theirs in param::parameters(graph) {
            // An image's mask is a parameter we add; the graph has no input for it.
            let is_input = graph.value(&theirs.key).is_some();
            if !is_input || theirs.kind == ParamKind::Link && !is_free(&theirs, &pairs, draft) {
                continue;
            }
            let Some(node) = pairs.get(theirs.key.node()) else {
                let is_there = known.contains_key(theirs.key.node());
                let why =
                    if is_there { "the node with this number is of another class" } else { "no such node" };
                fit.unmatched(theirs, why);
                continue;
            };
            match draft.param(&ParamKey::new(node, theirs.key.input())) {
                Some(ours) => {
                    named.insert(ours.key.clone());
                    fit.place(ours, theirs, draft);
                }
                None if theirs.kind == ParamKind::Link => {}
                None => fit.unmatched(theirs, "the node has no such input"),
            }
        }
        let editable = draft.params().iter().filter(|ours| ours.is_editable() && !is_mask(ours));
        fit.unnamed =
            editable.filter(|ours| !named.contains(&ours.key)).map(|ours| ours.key.clone()).collect();
        fit
    }

    /// The settings to take over: those that differ, and equal seeds that would otherwise change with the next run.
    pub fn settings(&self, draft: &Draft) -> Vec<(ParamKey, Setting)> {
        let differ = self.differ.iter().map(|differing| (&differing.key, &differing.there));
        let moved = self.changing_seeds(draft);
        let same = self.same.iter().filter(|(key, _)| moved.contains(key)).map(|(key, there)| (key, there));
        differ.chain(same).map(|(key, there)| (key.clone(), Setting::Value(there.clone()))).collect()
    }

    /// Equal seeds with a policy that would change them.
    pub fn changing_seeds(&self, draft: &Draft) -> Vec<ParamKey> {
        let seeds = draft.params().iter().filter(|ours| ours.kind == ParamKind::Seed);
        let changing = seeds.map(|ours| &ours.key).filter(|key| draft.policy(key) != SeedPolicy::Fixed);
        let named = |key: &ParamKey| {
            let is_same = || self.same.iter().any(|(same, _)| same == key);
            self.differ.iter().any(|d| d.key == *key) || (is_same() && !draft.origin(key).is_said())
        };
        changing.filter(|key| named(key)).cloned().collect()
    }

    /// Whether every value of the graph has a parameter that accepts it.
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.unmatched.is_empty()
    }

    fn place(&mut self, ours: &Parameter, theirs: Parameter, draft: &Draft) {
        let key = ours.key.clone();
        let there = theirs.default;
        let why = match (&ours.kind, &theirs.kind) {
            (ParamKind::Link, _) => "it is wired to another node here",
            (_, ParamKind::Link) => "it is wired to another node there",
            // A graph with `NaN` parses as null.
            _ if there.is_null() && ours.kind != ParamKind::Json => "it has no value there",
            _ if !value::fits(ours, &there) => "it is of another type there",
            _ => {
                let now = draft.setting(&key).unwrap_or_else(|| Setting::Value(ours.default.clone()));
                if is_same(&now, &there) {
                    self.same.push((key, there));
                } else {
                    self.differ.push(Differing { key, now, there });
                }
                return;
            }
        };
        self.refused.push(Refused { key, there, why });
    }

    fn unmatched(&mut self, theirs: Parameter, why: &'static str) {
        let Parameter { key, class_type, default, .. } = theirs;
        self.unmatched.push(Unmatched { key, class_type, there: default, why });
    }
}

/// Node id → class, for the draft's nodes.
fn nodes(draft: &Draft) -> HashMap<&str, &str> {
    draft.params().iter().map(|ours| (ours.key.node(), ours.class_type.as_str())).collect()
}

/// Node id in the graph → node id in the draft.
fn paired<'a>(graph: &'a Workflow, known: &HashMap<&'a str, &'a str>) -> HashMap<&'a str, &'a str> {
    let theirs = || graph.nodes().iter().map(|(id, node)| (id.as_str(), node.class_type.as_str()));
    let mut pairs: HashMap<&str, &str> =
        theirs().filter(|(id, class)| known.get(id) == Some(class)).map(|(id, _)| (id, id)).collect();
    let left: Vec<_> = theirs().filter(|(id, _)| !pairs.contains_key(id)).collect();
    let mut of_class: HashMap<&str, (usize, Vec<&str>)> = HashMap::new();
    left.iter().for_each(|(_, class)| of_class.entry(class).or_default().0 += 1);
    for (id, class) in known.iter().filter(|(id, _)| !pairs.contains_key(*id)) {
        of_class.entry(class).or_default().1.push(id);
    }
    for (id, class) in &left {
        if let Some((1, ours)) = of_class.get(class)
            && let [ours] = ours.as_slice()
        {
            pairs.insert(id, ours);
        }
    }
    pairs
}

/// Whether an input that is a link in the graph has an editable value in the draft.
fn is_free(theirs: &Parameter, pairs: &HashMap<&str, &str>, draft: &Draft) -> bool {
    let node = pairs.get(theirs.key.node());
    let ours = node.and_then(|node| draft.param(&ParamKey::new(node, theirs.key.input())));
    ours.is_some_and(Parameter::is_editable)
}

fn is_mask(ours: &Parameter) -> bool {
    ours.key.input().ends_with(param::MASK_SUFFIX)
}

fn is_same(now: &Setting, there: &Value) -> bool {
    match now {
        Setting::Value(now) => value::same(now, there),
        // The server knows an uploaded file by its file name.
        Setting::File(path) => path.file_name().and_then(|name| name.to_str()) == there.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::draft::Layer;

    fn workflow(text: &str) -> Workflow {
        Workflow::parse(text).expect(text)
    }

    fn draft(text: &str) -> Draft {
        Draft::new(param::parameters(&workflow(text)), Layer::default())
    }

    const OURS: &str = r#"{
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "cfg": 6, "model": ["4", 0]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad"}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}},
        "10": {"class_type": "LoadImage", "inputs": {"image": "in.png"}}
    }"#;

    #[test]
    fn every_value_is_listed_once() {
        let graph = workflow(
            r#"{
            "3": {"class_type": "KSampler", "inputs":
                {"seed": 18446744073709551615, "steps": 20.5, "cfg": 6.0, "model": "none", "new": 1}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dog"}},
            "7": {"class_type": "CLIPTextEncode", "inputs": {"text": ["11", 0]}},
            "9": {"class_type": "LoraLoader", "inputs": {"lora_name": "y", "clip": ["4", 0]}},
            "12": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}}
        }"#,
        );
        let fit = Fit::new(&graph, &draft(OURS));
        let differ: Vec<_> = fit.differ.iter().map(|d| (d.key.as_str(), d.there.to_string())).collect();
        assert_eq!(
            differ,
            [("3-inputs-seed", "18446744073709551615".to_owned()), ("6-inputs-text", "\"a dog\"".to_owned())]
        );
        // cfg is 6 and 6.0; the only other SaveImage has another number in the graph.
        assert_eq!(fit.same.len(), 2);
        let refused: Vec<_> = fit.refused.iter().map(|r| (r.key.as_str(), r.why)).collect();
        assert_eq!(
            refused,
            [
                ("3-inputs-steps", "it is of another type there"),
                ("3-inputs-model", "it is wired to another node here"),
                ("7-inputs-text", "it is wired to another node there")
            ]
        );
        let unmatched: Vec<_> = fit.unmatched.iter().map(|h| (h.key.as_str(), h.why)).collect();
        assert_eq!(
            unmatched,
            [
                ("3-inputs-new", "the node has no such input"),
                ("9-inputs-lora_name", "the node with this number is of another class")
            ]
        );
        let unnamed: Vec<_> = fit.unnamed.iter().map(ParamKey::as_str).collect();
        assert_eq!(unnamed, ["10-inputs-image"]);
        assert!(!fit.is_whole());
    }

    #[test]
    fn what_is_set_counts_and_a_file_is_the_one_of_its_name() {
        let mut draft = draft(OURS);
        draft.set(&ParamKey::new("6", "text"), Setting::Value("a dog".into()));
        draft.set(&ParamKey::new("10", "image"), Setting::File("/home/me/other.png".into()));
        let graph = workflow(
            r#"{"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dog"}},
                "10": {"class_type": "LoadImage", "inputs": {"image": "other.png"}}}"#,
        );
        let fit = Fit::new(&graph, &draft);
        assert_eq!((fit.same.len(), fit.differ.len(), fit.is_whole()), (2, 0, true));
    }

    #[test]
    fn two_of_a_class_are_not_guessed_at() {
        let graph = workflow(
            r#"{"16": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dog"}},
                "17": {"class_type": "CLIPTextEncode", "inputs": {"text": "worse"}},
                "30": {"class_type": "KSampler", "inputs": {"steps": null, "cfg": 7}}}"#,
        );
        let fit = Fit::new(&graph, &draft(OURS));
        assert_eq!(fit.unmatched.len(), 2);
        assert_eq!(fit.differ.len(), 1);
        assert_eq!(fit.refused[0].why, "it has no value there");
    }
}
