//! A workflow's graph as a tree: from its results to what they are made of.

use std::collections::HashSet;

use super::Workflow;
use super::wiring::Wiring;

/// A line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Number of nodes above it, up to a result.
    pub depth: usize,
    /// The node's id.
    pub node: String,
    /// The input that it feeds of the node above; empty for a result.
    pub feeds: String,
    /// It stands above already, with what it is made of.
    pub is_again: bool,
}

/// The tree of a workflow: nodes whose outputs nobody uses first, each with the nodes that it is made of beneath. A node that
/// is used several times is followed once. Nodes in a circle come last.
pub fn tree(workflow: &Workflow) -> Vec<Branch> {
    let wiring = Wiring::new(workflow);
    let used: HashSet<usize> =
        (0..wiring.len()).flat_map(|at| wiring.links(at).map(|(_, from)| from).collect::<Vec<_>>()).collect();
    let mut seen = HashSet::new();
    let mut lines = Vec::new();
    let results = (0..wiring.len()).filter(|at| !used.contains(at));
    for root in results.chain(0..wiring.len()) {
        if seen.contains(&root) {
            continue;
        }
        // The last one is drawn next, so what belongs beneath it is put on top.
        let mut open = vec![(root, 0, "")];
        while let Some((at, depth, feeds)) = open.pop() {
            let is_new = seen.insert(at);
            let (node, feeds) = (wiring.id(at).to_owned(), feeds.to_owned());
            lines.push(Branch { depth, node, feeds, is_again: !is_new });
            if is_new {
                let made_of: Vec<_> =
                    wiring.links(at).map(|(input, from)| (from, depth + 1, input)).collect();
                open.extend(made_of.into_iter().rev());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> Vec<String> {
        let workflow = Workflow::parse(text).expect("a workflow");
        let line = |branch: &Branch| {
            let again = if branch.is_again { " again" } else { "" };
            format!("{}{} {}{again}", "-".repeat(branch.depth), branch.node, branch.feeds)
        };
        tree(&workflow).iter().map(line).collect()
    }

    #[test]
    fn results_come_first_and_each_node_is_followed_once() {
        let text = r#"{
            "4": {"class_type": "Loader", "inputs": {}},
            "6": {"class_type": "Text", "inputs": {"clip": ["4", 1]}},
            "3": {"class_type": "Sampler", "inputs": {"model": ["4", 0], "positive": ["6", 0], "seed": 1}},
            "9": {"class_type": "Save", "inputs": {"images": ["3", 0]}},
            "10": {"class_type": "Preview", "inputs": {"images": ["3", 0]}}
        }"#;
        assert_eq!(
            drawn(text),
            ["9 ", "-3 images", "--4 model", "--6 positive", "---4 clip again", "10 ", "-3 images again"]
        );
    }

    #[test]
    fn circles_and_links_to_nothing_end() {
        let text = r#"{
            "1": {"class_type": "A", "inputs": {"x": ["2", 0], "y": ["99", 0]}},
            "2": {"class_type": "B", "inputs": {"x": ["1", 0]}},
            "3": {"class_type": "C", "inputs": {"x": ["3", 0]}}
        }"#;
        assert_eq!(drawn(text), ["1 ", "-2 x", "--1 x again", "3 ", "-3 x again"]);
    }
}
