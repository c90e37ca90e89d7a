//! What differs between two runs, as text for people and as JSON.

use serde_json::{Value, json};

use super::Names;
use super::batch::money;
use super::text::{cut, took};
use crate::domain::compare::{self, Change, Difference, What, Words};
use crate::domain::graph_changes::{GraphChange, NodeChange, shown};
use crate::domain::run::{InputFile, Output};
use crate::domain::spend::cost;
use crate::domain::{ParamKey, Run};
use crate::wire::ansi::{scrub_block, scrub_plain};

/// Most characters of one value in the text.
const LONGEST: usize = 200;

/// Two runs held against each other.
#[derive(Debug)]
pub struct TwoRuns<'a> {
    pub first: &'a Run,
    pub second: &'a Run,
    /// Where the workflows kept with the runs differ.
    pub graph: Vec<NodeChange>,
    /// What parameters are called.
    pub names: Names,
}

/// How long two runs took and what they cost, where both are known.
pub fn spent(first: &Run, second: &Run) -> Vec<(String, String)> {
    let (Some(one), Some(other)) = (first.ended_at, second.ended_at) else { return Vec::new() };
    let (one, other) = (first.elapsed_ms(one), second.elapsed_ms(other));
    let mut rows = vec![("took".to_owned(), arrow(took(one), took(other)))];
    let rates = (first.request.cost_per_second, second.request.cost_per_second);
    if let (Some(first), Some(second)) = rates {
        let costs = format!("{} → {}", money(cost(one, first)), money(cost(other, second)));
        rows.push(("cost".to_owned(), costs));
    }
    rows
}

fn arrow(one: String, other: String) -> String {
    if one == other { one } else { format!("{one} → {other}") }
}

impl TwoRuns<'_> {
    fn difference(&self) -> Difference {
        compare::requests(&self.first.request, &self.second.request)
    }

    fn label(&self, what: &What) -> String {
        match what {
            What::Param(key) => match self.names.get(key) {
                Some(name) => format!("{name} ({key})"),
                None => key.to_string(),
            },
            What::Workflow => "workflow".to_owned(),
            What::Preset => "preset".to_owned(),
            What::Profile => "profile".to_owned(),
        }
    }

    /// Outputs of both whose bytes are the same.
    fn same_outputs(&self) -> impl Iterator<Item = (&Output, &Output)> {
        let other = &self.second.outputs;
        self.first
            .outputs
            .iter()
            .filter_map(|one| Some((one, other.iter().find(|o| o.sha256 == one.sha256)?)))
    }

    /// The page of `comfydeck diff`. Without colours, changed words are marked as `git diff --word-diff` does.
    pub fn page(&self, colours: bool) -> String {
        let marks = if colours { Marks::COLOURS } else { Marks::PLAIN };
        let mut rows = self.heads();
        let difference = self.difference();
        for differ in &difference.differ {
            rows.push((self.label(&differ.what), marks.change(&differ.change)));
        }
        rows.extend(self.tails());
        let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        let mut page: String =
            rows.iter().map(|(label, text)| format!("{label:<width$}  {text}\n")).collect();
        page += &match difference.same {
            0 => "nothing that was sent is the same in both\n".to_owned(),
            1 => "1 value is the same in both\n".to_owned(),
            same => format!("{same} values are the same in both\n"),
        };
        page
    }

    /// The two runs, how they ended and how long they took.
    pub fn heads(&self) -> Vec<(String, String)> {
        let mut rows = vec![
            ("run".to_owned(), format!("{} → {}", self.first.id, self.second.id)),
            ("status".to_owned(), self.arrow(|run| format!("{} {}", run.status.sign(), run.status.word()))),
        ];
        rows.extend(spent(self.first, self.second));
        rows
    }

    /// Where their graphs differ, and what they made.
    pub fn tails(&self) -> Vec<(String, String)> {
        let graph = self.graph.iter();
        let graph = graph.map(|change| ("graph".to_owned(), cut(&scrub_plain(&change.to_string()), LONGEST)));
        graph.chain([("outputs".to_owned(), self.outputs())]).collect()
    }

    fn arrow(&self, fact: impl Fn(&Run) -> String) -> String {
        arrow(fact(self.first), fact(self.second))
    }

    fn outputs(&self) -> String {
        let same = self.same_outputs().count();
        let counts = self.arrow(|run| run.outputs.len().to_string());
        match same {
            0 => format!("{counts}, none the same"),
            _ => format!("{counts}, {same} the same byte for byte"),
        }
    }

    /// The line of `comfydeck diff --json`.
    pub fn json(&self) -> Value {
        let params = self.difference().differ.into_iter().filter_map(|differ| match differ.what {
            What::Param(key) => Some(self.param(&key)),
            What::Workflow | What::Preset | What::Profile => None,
        });
        json!({
            "runs": [self.first.id, self.second.id],
            "status": self.both(|run| run.status.word().into()),
            "duration_ms": self.both(|run| run.ended_at.map(|at| run.elapsed_ms(at)).into()),
            "preset": self.both(|run| run.request.preset.clone().into()),
            "profile": self.both(|run| run.request.profile.clone().into()),
            "workflow": self.both(|run| run.request.workflow_name.clone().into()),
            "workflow_sha256": self.both(|run| run.request.workflow_hash.clone().into()),
            "params": params.collect::<Vec<_>>(),
            "graph": self.graph.iter().map(node).collect::<Vec<_>>(),
            "outputs": self.both(|run| run.outputs.iter().map(output).collect()),
            "same_params": self.difference().same,
            "same_outputs": self.same_outputs().map(|(one, _)| one.sha256.clone()).collect::<Vec<_>>(),
        })
    }

    fn both(&self, fact: impl Fn(&Run) -> Value) -> Value {
        json!([fact(self.first), fact(self.second)])
    }

    fn param(&self, key: &ParamKey) -> Value {
        let of = |run: &Run| {
            let file = run.request.files.iter().find(|file| file.part == key.as_str());
            run.request.params.get(key).cloned().or_else(|| file.map(input)).unwrap_or_default()
        };
        json!({"key": key, "name": self.names.get(key), "values": self.both(of)})
    }
}

fn input(file: &InputFile) -> Value {
    json!({"file": file.path.to_string_lossy(), "sha256": file.sha256})
}

fn output(output: &Output) -> Value {
    json!({"path": output.path.to_string_lossy(), "sha256": output.sha256})
}

fn node(change: &NodeChange) -> Value {
    let (kind, input, first, second) = match &change.change {
        GraphChange::Gone => ("gone", None, None, None),
        GraphChange::New => ("new", None, None, None),
        GraphChange::Class { before, after } => {
            ("class", None, Some(before.clone().into()), Some(after.clone().into()))
        }
        GraphChange::Input { input, before, after } => ("input", Some(input), before.clone(), after.clone()),
    };
    json!({"node": change.node, "name": change.name, "change": kind, "input": input, "values": [first, second]})
}

/// What stands around words that are only in one of two texts.
struct Marks {
    only: (&'static str, &'static str),
    new: (&'static str, &'static str),
}

impl Marks {
    const PLAIN: Self = Self { only: ("[-", "-]"), new: ("{+", "+}") };
    const COLOURS: Self = Self { only: ("\x1b[31;9m", "\x1b[0m"), new: ("\x1b[32m", "\x1b[0m") };

    fn change(&self, change: &Change) -> String {
        match change {
            Change::Values(before, after) => {
                let text = |side: &Option<String>| match side {
                    Some(text) => cut(&scrub_block(text), LONGEST),
                    None => shown(None),
                };
                format!("{} → {}", text(before), text(after))
            }
            Change::Words(words) => words.iter().map(|words| self.words(words)).collect::<Vec<_>>().join(" "),
        }
    }

    fn words(&self, words: &Words) -> String {
        let between = |(open, close), text: &str| format!("{open}{}{close}", scrub_plain(text));
        match words {
            Words::Same(text) => scrub_plain(text),
            Words::Only(text) => between(self.only, text),
            Words::New(text) => between(self.new, text),
            Words::Left(count) => format!("(… {count} words …)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RunRequest, Workflow, graph_changes};

    fn run(id: i64, params: &[(&str, Value)], outputs: &[&str]) -> Run {
        let params = params.iter().map(|(key, value)| (ParamKey::parse(key).expect("a key"), value.clone()));
        let request = RunRequest { params: params.collect(), ..RunRequest::default() };
        let mut run = Run::queued(id, request, 0);
        run.outputs = outputs
            .iter()
            .map(|sha256| Output {
                path: format!("/out/{sha256}.png").into(),
                name: format!("{sha256}.png"),
                content_type: "image/png".to_owned(),
                size: 1,
                sha256: (*sha256).to_owned(),
            })
            .collect();
        run
    }

    #[test]
    fn what_two_runs_cost_is_told_where_both_are_known() {
        let ended = |id, rate| {
            let mut run = run(id, &[], &[]);
            run.request.cost_per_second = rate;
            run.phases = vec![(crate::domain::Status::Running, 0)];
            run.ended_at = Some(10_000);
            run
        };
        let costs = |first: &Run, second: &Run| {
            let two = TwoRuns { first, second, graph: Vec::new(), names: Names::default() };
            two.heads().into_iter().find(|(name, _)| name == "cost").map(|(_, cost)| cost)
        };
        let (cheap, dear, unknown) = (ended(1, Some(0.01)), ended(2, Some(0.5)), ended(3, None));
        assert_eq!(costs(&cheap, &dear).as_deref(), Some("0.10 → 5.00"));
        assert_eq!(costs(&cheap, &unknown), None);
    }

    #[test]
    fn values_words_graph_and_outputs_are_told() {
        let long = |word: &str| json!(format!("a flamingo {word} on top of a server, pink universe"));
        let first = run(1, &[("3-inputs-steps", json!(20)), ("6-inputs-text", long("dancing"))], &["a", "b"]);
        let second = run(2, &[("3-inputs-steps", json!(30)), ("6-inputs-text", long("asleep"))], &["b"]);
        let workflow = |json: Value| Workflow::parse(&json.to_string()).expect("a workflow");
        let graph = graph_changes::between(
            &workflow(json!({"9": {"class_type": "LoraLoader"}, "3": {"class_type": "KSampler"}})),
            &workflow(json!({"3": {"class_type": "KSampler"}})),
        );
        let key = ParamKey::parse("3-inputs-steps").expect("a key");
        let two = TwoRuns { first: &first, second: &second, graph, names: [(key, "steps")].into() };
        let page = two.page(false);
        for line in [
            "steps (3-inputs-steps)  20 → 30",
            "a flamingo [-dancing-] {+asleep+} on top of",
            "node 9 (LoraLoader) is gone",
            "2 → 1, 1 the same byte for byte",
        ] {
            assert!(page.contains(line), "{line} in\n{page}");
        }
        assert!(two.page(true).contains("\x1b[31;9mdancing\x1b[0m"));
        let told = two.json();
        assert_eq!(told["params"][0]["values"], json!([20, 30]));
        assert_eq!(told["graph"][0]["change"], "gone");
        assert_eq!(told["same_outputs"], json!(["b"]));
    }

    #[test]
    fn what_a_server_wrote_never_moves_the_cursor() {
        let evil = json!("x\x1b[2Jy");
        let (first, second) =
            (run(1, &[("3-inputs-a", evil)], &[]), run(2, &[("3-inputs-a", json!("z"))], &[]));
        let two = TwoRuns { first: &first, second: &second, graph: vec![], names: Names::new() };
        assert!(!two.page(false).contains('\x1b'));
    }
}
