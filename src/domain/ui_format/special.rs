//! Nodes that exist in the editor alone.

/// What the editor does with a node that no server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// A note, a label, a button: nothing is sent.
    Decoration,
    /// Passes its input on.
    Reroute,
    /// Gives its value to the fields that it is linked to.
    Primitive,
    /// Gives its input to every [`Special::Get`] of its name.
    Set,
    Get,
    /// Links itself to whatever fits, by rules of its own.
    Everywhere,
    /// Several nodes in one, an older form of subgraphs.
    Group,
}

/// What a class of the editor's own is; `None` for one that servers have.
pub(super) fn of(class: &str) -> Option<Special> {
    use Special::{Decoration, Everywhere, Get, Group, Primitive, Reroute, Set};
    Some(match class {
        "Note" | "MarkdownNote" | "Note Plus (mtb)" | "Label (rgthree)" | "Bookmark (rgthree)" => Decoration,
        "Fast Groups Muter (rgthree)"
        | "Fast Groups Bypasser (rgthree)"
        | "Fast Muter (rgthree)"
        | "Fast Bypasser (rgthree)"
        | "Fast Actions Button (rgthree)"
        | "Mute / Bypass Relay (rgthree)"
        | "Mute / Bypass Repeater (rgthree)"
        | "Random Unmuter (rgthree)"
        | "Node Collector (rgthree)" => Decoration,
        "Reroute" | "Reroute (rgthree)" => Reroute,
        "PrimitiveNode" => Primitive,
        "SetNode" | "easy setNode" => Set,
        "GetNode" | "easy getNode" => Get,
        "Anything Everywhere"
        | "Anything Everywhere?"
        | "Anything Everywhere3"
        | "Prompts Everywhere"
        | "Seed Everywhere" => Everywhere,
        class if class.starts_with("workflow>") || class.starts_with("workflow/") => Group,
        _ => return None,
    })
}
