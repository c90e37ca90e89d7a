//! Outputs of a node: files stored on the server, and texts.

use crate::wire::json;

/// Most kinds of output read from one node, and most items of each kind.
const MAX_KINDS: usize = 64;
const MAX_THINGS: usize = 10_000;
/// Longest name of a file or folder, in bytes; a longer one could not be requested.
const MAX_NAME: usize = 4_096;
/// Most bytes of text kept from one node.
const MAX_TEXT: usize = 4 << 20;

/// Outputs of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub files: Vec<ServerFile>,
    /// Texts in order; numbers as the server wrote them.
    pub texts: Vec<String>,
}

/// A file on the server: the parameters of `GET /view`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServerFile {
    pub filename: String,
    /// Folder below the one of its kind; often empty.
    pub subfolder: String,
    /// The server's folder: `output`, `temp` or `input`; empty if it names none.
    pub kind: String,
}

impl Made {
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.texts.is_empty()
    }
}

/// Reads a node's output, kind → list. The items of a list decide, not the name of the kind: videos come as `images`,
/// as `gifs` and under names that custom nodes choose.
pub(super) fn read(json: &str) -> Made {
    let mut made = Made::default();
    let mut room = MAX_TEXT;
    for (kind, things) in json::entries(json, MAX_KINDS).unwrap_or_default() {
        // A list of booleans about the files of the other kinds.
        if kind == "animated" {
            continue;
        }
        match json::elements(things, MAX_THINGS) {
            Some((things, _)) => things.into_iter().for_each(|thing| made.take(thing, &mut room)),
            None => made.take(things, &mut room),
        }
    }
    made
}

impl Made {
    fn take(&mut self, thing: &str, room: &mut usize) {
        if thing.starts_with('{') {
            let Some(fields) = json::Fields::of(thing, &["filename", "subfolder", "type"]) else { return };
            let text = |name: &str| fields.text(name, MAX_NAME + 4).filter(|text| text.len() <= MAX_NAME);
            if let Some(filename) = text("filename").filter(|name| !name.is_empty()) {
                let subfolder = text("subfolder").unwrap_or_default();
                self.files.push(ServerFile { filename, subfolder, kind: text("type").unwrap_or_default() });
            }
        } else if *room > 0
            && let Some(text) = json::text(thing, *room).filter(|text| !text.trim().is_empty())
        {
            *room -= text.len().min(*room);
            self.texts.push(text);
        }
    }
}
