//! The order in which parameters are listed: what people change in most runs first, loaders and savers last.

use std::collections::HashMap;

use super::{ParamKind, Parameter, Rank};
use crate::domain::Role;

/// Sorts parameters for reading, and labels those at the top by their roles.
pub fn arrange(params: &mut [Parameter]) {
    for parameter in params.iter_mut() {
        parameter.rank = rank(parameter);
    }
    let place =
        |parameter: &Parameter| (parameter.rank, parameter.role.filter(|_| parameter.rank == Rank::Top));
    params.sort_by_key(place);
    let top = params.iter().take_while(|parameter| parameter.rank == Rank::Top).count();
    label(&mut params[..top]);
}

fn rank(parameter: &Parameter) -> Rank {
    let is_on_top = parameter.role.is_some_and(Role::is_on_top) && !parameter.is_later;
    if is_on_top && parameter.is_editable() && !parameter.hidden && !parameter.advanced {
        return Rank::Top;
    }
    let class = parameter.class_type.to_ascii_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| class.contains(word));
    if parameter.kind == ParamKind::Lora || is(&["lora"]) && is(&["load", "stack"]) {
        Rank::Loras
    } else if is(&["loader", "save", "videocombine", "createvideo"]) || class.starts_with("load") {
        Rank::Files
    } else {
        Rank::Node
    }
}

/// Makes labels of parameters with the same role distinct: by the input's name when they belong to one
/// node, else by the node's.
fn label(top: &mut [Parameter]) {
    let mut of_role: HashMap<Role, Vec<usize>> = HashMap::new();
    for (at, parameter) in top.iter().enumerate() {
        if let Some(role) = parameter.role {
            of_role.entry(role).or_default().push(at);
        }
    }
    for (role, places) in of_role {
        let mut of_node: HashMap<&str, usize> = HashMap::new();
        places.iter().for_each(|at| *of_node.entry(top[*at].key.node()).or_default() += 1);
        let labels: Vec<String> = places
            .iter()
            .map(|at| {
                let (node, input) = (top[*at].key.node(), top[*at].key.input());
                let node_told = if of_node.len() == 1 { String::new() } else { format!(" {node}") };
                let input_told = if of_node[node] == 1 { String::new() } else { format!(" {input}") };
                format!("{}{node_told}{input_told}", role.word())
            })
            .collect();
        for (at, label) in places.into_iter().zip(labels) {
            top[at].label = label;
        }
    }
}
