//! Progress of a run's nodes.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use indexmap::map::Entry;
use serde_json::Value;
use tokio::time::Instant;

use crate::domain::Workflow;
use crate::domain::run::{self, Progress};
use crate::wire::ansi;
use crate::wire::comfyui::NodeState;

/// Most characters of a node's name.
const NAME_CHARS: usize = 40;
/// Most names in a line.
const NAMES: usize = 12;

/// A run's nodes: their names, which are finished, and the progress of those at work.
#[derive(Debug, Default)]
pub(in crate::backend) struct Nodes {
    names: HashMap<String, String>,
    /// Finished or cached nodes.
    done: HashSet<String>,
    at_work: IndexMap<String, Work>,
    /// What changed since it was last taken.
    changed: Vec<(String, run::NodeState)>,
}

/// A node at work.
#[derive(Clone, Copy, Debug)]
struct Work {
    since: Instant,
    value: f64,
    max: f64,
    /// Its first step and the time of it, from which the pace is computed.
    first: Option<(f64, Instant)>,
}

impl Nodes {
    /// The nodes of a workflow; without one they are shown by their ids.
    pub(in crate::backend) fn of(workflow: Option<&str>) -> Self {
        let workflow = workflow.and_then(|text| Workflow::parse(text).ok());
        let nodes = workflow.iter().flat_map(|workflow| workflow.nodes());
        let name = |name: &str| ansi::scrub_plain(name).chars().take(NAME_CHARS).collect::<String>();
        let names = nodes.map(|(id, node)| (id.clone(), format!("{} ({})", name(node.name()), name(id))));
        Self { names: names.collect(), ..Self::default() }
    }

    pub(in crate::backend) fn name(&self, node: &str) -> String {
        let number =
            || format!("node {}", ansi::scrub_plain(node).chars().take(NAME_CHARS).collect::<String>());
        self.names.get(node).cloned().unwrap_or_else(number)
    }

    /// Takes in cached nodes. Returns a line for the log.
    pub(in crate::backend) fn cached(&mut self, nodes: Vec<String>) -> Option<String> {
        let count = nodes.len();
        let names: Vec<_> = nodes.iter().take(NAMES).map(|node| self.name(node)).collect();
        self.changed.extend(nodes.iter().map(|node| (node.clone(), run::NodeState::Cached)));
        self.done.extend(nodes);
        let more = if count > NAMES { ", …" } else { "" };
        match (count, self.names.len()) {
            (0, _) => None,
            (count, 0) => Some(format!("{count} nodes are cached: {}{more}", names.join(", "))),
            (count, total) => {
                Some(format!("{count} of {total} nodes are cached: {}{more}", names.join(", ")))
            }
        }
    }

    pub(in crate::backend) fn begin(&mut self, node: &str, now: Instant) {
        let work = Work { since: now, value: 0.0, max: 0.0, first: None };
        self.done.remove(node);
        if let Entry::Vacant(place) = self.at_work.entry(node.to_owned()) {
            place.insert(work);
            self.changed.push((node.to_owned(), run::NodeState::AtWork));
        }
    }

    /// What changed since this was last asked.
    pub(super) fn take_changed(&mut self) -> Vec<(String, run::NodeState)> {
        std::mem::take(&mut self.changed)
    }

    /// Takes in a node's progress.
    pub(in crate::backend) fn step(&mut self, node: &str, value: f64, max: f64, now: Instant) {
        self.begin(node, now);
        let Some(work) = self.at_work.get_mut(node) else { return };
        let is_anew = value < work.value || max != work.max;
        (work.value, work.max) = (value, max);
        if is_anew || work.first.is_none() {
            work.first = Some((value, now));
        }
    }

    /// Takes in the state of all nodes. Returns a line for each that has finished.
    pub(in crate::backend) fn snapshot(&mut self, states: Vec<NodeState>, now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        // Nodes created at run time count as the node that created them, which is finished when all of them are.
        let open: HashSet<_> =
            states.iter().filter(|state| !state.is_finished).map(|state| state.node.clone()).collect();
        for NodeState { node, value, max, is_finished } in states {
            if !is_finished {
                self.step(&node, value, max, now);
            } else if !open.contains(&node) {
                lines.extend(self.end(&node, now));
            }
        }
        lines
    }

    /// Takes in that a node has finished. Returns a line for the log, once.
    pub(in crate::backend) fn end(&mut self, node: &str, now: Instant) -> Option<String> {
        let is_new = self.done.insert(node.to_owned());
        let work = self.at_work.shift_remove(node);
        let took = work.map_or(0.0, |work| (now - work.since).as_secs_f64());
        if is_new {
            self.changed.push((node.to_owned(), run::NodeState::Done { ms: (took * 1_000.0) as u64 }));
        }
        is_new.then(|| format!("{}  {took:.1} s", self.name(node)))
    }

    /// Progress of the run: steps of the node that counts any, else the number of finished nodes.
    pub(in crate::backend) fn progress(&self, now: Instant) -> Option<Progress> {
        let counts = |work: &Work| work.max > 0.0 && work.max != 1.0;
        let mut counting = self.at_work.iter().filter(|(_, work)| counts(work));
        if let Some((node, work)) = counting.next() {
            let (value, max) = steps(work.value, work.max);
            let others = counting.map(|(node, work)| {
                let (value, max) = steps(work.value, work.max);
                format!(", {} {value}/{max}", self.name(node))
            });
            let label: String = [self.name(node)].into_iter().chain(others).collect();
            return Some(Progress { value, max, seconds_left: work.left(now), label });
        }
        let (node, _) = self.at_work.first()?;
        let total = self.names.len().max(self.done.len() + self.at_work.len());
        let value = self.done.len() as u64;
        Some(Progress { value, max: total as u64, seconds_left: None, label: self.name(node) })
    }
}

impl Work {
    /// Seconds left at the current pace.
    fn left(&self, now: Instant) -> Option<u64> {
        let (first, at) = self.first?;
        let made = self.value - first;
        let seconds = (now - at).as_secs_f64();
        (made > 0.0).then(|| ((self.max - self.value).max(0.0) / made * seconds).ceil() as u64)
    }
}

/// Steps as whole numbers; fractions become percent.
fn steps(value: f64, max: f64) -> (u64, u64) {
    if max < 1.0 || max.fract() != 0.0 || value.fract() != 0.0 {
        return ((value / max * 100.0).clamp(0.0, 100.0) as u64, 100);
    }
    (value.min(max) as u64, max as u64)
}

/// Nodes whose pictures over the websocket are outputs.
pub(in crate::backend) fn senders(workflow: Option<&str>) -> Vec<String> {
    let graph =
        workflow.and_then(|text| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')).ok());
    let nodes = graph.as_ref().and_then(Value::as_object).into_iter().flatten();
    let sends = |node: &Value| node.get("class_type").and_then(Value::as_str) == Some("SaveImageWebsocket");
    nodes.filter(|(_, node)| sends(node)).map(|(id, _)| id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WORKFLOW: &str = r#"{"3": {"class_type": "KSampler", "_meta": {"title": "Sam\u001b[2Jpler"}}, "4": {"class_type": "Loader"},
        "8": {"class_type": "VAEDecode"}, "9": {"class_type": "SaveImageWebsocket"}}"#;

    fn state(node: &str, value: f64, max: f64, is_finished: bool) -> NodeState {
        NodeState { node: node.to_owned(), value, max, is_finished }
    }

    #[test]
    fn a_run_is_as_far_as_the_node_that_counts_steps_else_as_its_nodes() {
        let mut nodes = Nodes::of(Some(WORKFLOW));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let shown = |nodes: &Nodes, now| {
            nodes.progress(now).map(|p| format!("{}/{} {:?} {}", p.value, p.max, p.seconds_left, p.label))
        };
        assert_eq!(shown(&nodes, start), None);
        assert_eq!(
            nodes.cached(vec!["4".to_owned()]).as_deref(),
            Some("1 of 4 nodes are cached: Loader (4)")
        );
        nodes.begin("3", start);
        assert_eq!(shown(&nodes, start).as_deref(), Some("1/4 None Sampler (3)"));
        nodes.step("3", 0.0, 20.0, at(10));
        nodes.step("3", 5.0, 20.0, at(20));
        assert_eq!(shown(&nodes, at(20)).as_deref(), Some("5/20 Some(30) Sampler (3)"));
        nodes.step("8", 0.25, 0.5, at(20));
        assert_eq!(shown(&nodes, at(20)).as_deref(), Some("5/20 Some(30) Sampler (3), VAEDecode (8) 50/100"));
        // A second loop of the same node.
        nodes.step("3", 1.0, 20.0, at(30));
        assert_eq!(shown(&nodes, at(30)).as_deref(), Some("1/20 None Sampler (3), VAEDecode (8) 50/100"));
        let lines = nodes.snapshot(vec![state("3", 20.0, 20.0, true), state("8", 0.5, 0.5, false)], at(34));
        assert_eq!(lines, ["Sampler (3)  34.0 s"]);
        assert_eq!(nodes.snapshot(vec![state("3", 20.0, 20.0, true)], at(40)), [""; 0]);
        assert_eq!(nodes.end("8", at(40)).as_deref(), Some("VAEDecode (8)  20.0 s"));
        assert_eq!(senders(Some(WORKFLOW)), ["9"]);
    }

    #[test]
    fn a_node_that_makes_nodes_is_done_with_the_last_of_them() {
        let mut nodes = Nodes::of(None);
        let now = Instant::now();
        let states = vec![state("4", 1.0, 1.0, true), state("4", 0.0, 1.0, false)];
        assert_eq!(nodes.snapshot(states, now), [""; 0]);
        assert_eq!(nodes.snapshot(vec![state("4", 1.0, 1.0, true)], now), ["node 4  0.0 s"]);
    }

    #[test]
    fn steps_are_whole_numbers() {
        let table = [
            ((9.0, 20.0), (9, 20)),
            ((0.5, 0.5), (100, 100)),
            ((0.1, 0.3), (33, 100)),
            ((30.0, 20.0), (20, 20)),
        ];
        for ((value, max), expected) in table {
            assert_eq!(steps(value, max), expected, "{value} {max}");
        }
    }
}
